//! The source of chance: one small generator with a published algorithm, written out here so that a sample never
//! changes with a dependency or a platform. It refuses to be used for anything that must not be guessed.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): one 64-bit counter and
/// two multiplications. It passes the usual statistical batteries, and its whole state is the seed.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    /// A generator of its own, so that drawing from one concern never shifts the numbers of another.
    pub(crate) fn fork(&mut self) -> Self {
        Random::new(self.bits())
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn bits_128(&mut self) -> u128 {
        (u128::from(self.bits()) << 64) | u128::from(self.bits())
    }

    /// Uniform in [0, 1), with 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in [from, until); `from` when the range is empty.
    pub(crate) fn between(&mut self, from: i64, until: i64) -> i64 {
        let width = until.saturating_sub(from).max(1) as u64;
        from + ((u128::from(self.bits()) * u128::from(width)) >> 64) as i64
    }

    pub(crate) fn pick<T: Copy, const COUNT: usize>(&mut self, choices: &[T; COUNT]) -> T {
        choices[self.between(0, COUNT as i64) as usize]
    }

    /// An index, drawn in proportion to its weight.
    pub(crate) fn weighted<const COUNT: usize>(&mut self, weights: &[f64; COUNT]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        COUNT - 1
    }

    /// Roughly log-normal with the given median, as latencies are: most near the median, a long tail above. Only
    /// operations that every platform rounds alike are used; the mathematical library's `exp` is not one of them.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        // The sum of four uniforms has variance 1/3: times the root of three it stands for a normal deviate, cut off
        // at 3.46 sigma, which also bounds every duration.
        let bits = self.bits();
        let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
        let deviate = (sum as f64 / 65536.0 - 2.0) * 1.732_050_807_568_877_2;
        // e^x as (1 + x/1024)^1024, by ten squarings: off by less than two in a thousand here.
        let mut power = 1.0 + sigma * deviate / 1024.0;
        for _ in 0..10 {
            power *= power;
        }
        median * power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence_of_seed_zero() {
        let mut random = Random::new(0);
        assert_eq!(random.bits(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.bits(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn draws_stay_in_range_and_near_their_means() {
        let mut random = Random::new(1);
        let mut above_median = 0;
        for _ in 0..20_000 {
            assert!((3..9).contains(&random.between(3, 9)));
            let duration = random.log_normal(100.0, 0.5);
            assert!((15.0..600.0).contains(&duration), "{duration}");
            above_median += i32::from(duration > 100.0);
        }
        assert!((9_700..10_300).contains(&above_median), "{above_median}");
        let heads = (0..20_000).filter(|_| random.weighted(&[3.0, 1.0]) == 0).count();
        assert!((14_600..15_400).contains(&heads), "{heads}");
    }
}
