//! A million cells, from counts to a verdict, beside a floor: a logarithm for each cell and odds ratio of the evidence, which
//! nobody who judges them can do without. It refuses to judge: it prints both and their ratio.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what is judged is well formed, and is to be seen")]

use std::hint::black_box;
use std::time::Instant;

use transect_canary::{Cell, Counts, Policy, Random, judge};

const REGIONS: usize = 10;
const WINDOWS: i64 = 100_000;
const ROUNDS: usize = 3;

fn main() {
    let mut random = Random::new(7);
    let mut below = |bound: u64| (random.unit() * bound as f64) as u64;
    let mut cells = Vec::new();
    for region in 0..REGIONS {
        for window in 0..WINDOWS {
            let (n_a, n_b) = (50 + below(350), 5 + below(55));
            cells.push((format!("r{region}"), window, Cell { n_a, x_a: below(3), n_b, x_b: below(2) }));
        }
    }
    for robust in [false, true] {
        let policy = Policy { robust, ..Policy::default() };
        let (mut sorting, mut judging) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            let copy = cells.clone();
            let began = Instant::now();
            let counts = Counts::new(copy).unwrap();
            sorting = sorting.min(began.elapsed().as_secs_f64());
            let began = Instant::now();
            black_box(judge(&counts, &policy, false));
            judging = judging.min(began.elapsed().as_secs_f64());
        }
        let began = Instant::now();
        let mut sum = 0.0;
        for (_, _, cell) in &cells {
            for effect in 1..=20 {
                sum += (cell.n_b as f64 + f64::from(effect) * cell.n_a as f64).ln();
            }
        }
        black_box(sum);
        let floor = began.elapsed().as_secs_f64();
        println!(
            "a million cells{}: sorted in {sorting:.2} s, judged in {judging:.2} s; twenty logarithms a cell {floor:.2} s; ratio {:.1}",
            if robust { ", --robust" } else { "" },
            judging / floor
        );
    }
}
