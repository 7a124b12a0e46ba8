//! Identifiers and the spellings that logs give them. It refuses to read any: this crate only writes.

use std::fmt::{self, Display, Formatter};

use crate::random::Random;

const HEX: &[u8; 16] = b"0123456789abcdef";

fn write_hex(formatter: &mut Formatter<'_>, value: u128, digits: usize) -> fmt::Result {
    let mut text = [0_u8; 32];
    for (index, slot) in text[..digits].iter_mut().enumerate() {
        *slot = HEX[(value >> (4 * (digits - 1 - index))) as usize & 15];
    }
    formatter.write_str(str::from_utf8(&text[..digits]).unwrap_or_default())
}

/// A trace id of X-Ray: 32 bits of epoch seconds and 96 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId(u128);

impl TraceId {
    pub(crate) fn new(at_us: i64, random: &mut Random) -> Self {
        let seconds = (at_us / 1_000_000) as u32;
        TraceId((u128::from(seconds) << 96) | (random.bits_128() >> 32))
    }

    /// `1-8 hex-24 hex`, as X-Ray headers and Powertools write it.
    pub(crate) fn xray(self) -> impl Display {
        fmt::from_fn(move |formatter| {
            formatter.write_str("1-")?;
            write_hex(formatter, self.0 >> 96, 8)?;
            formatter.write_str("-")?;
            write_hex(formatter, self.0, 24)
        })
    }

    /// 32 hex digits, as OpenTelemetry writes it.
    pub(crate) fn hex(self) -> impl Display {
        fmt::from_fn(move |formatter| write_hex(formatter, self.0, 32))
    }
}

/// A span id: 16 hex digits, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId(u64);

impl SpanId {
    pub(crate) fn new(random: &mut Random) -> Self {
        SpanId(random.bits() | 1)
    }

    /// Three digits to stand behind a microsecond, so that a span's nanoseconds are not all round.
    pub(crate) const fn nanoseconds(self) -> i64 {
        (self.0 % 1_000) as i64
    }
}

impl Display for SpanId {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write_hex(formatter, u128::from(self.0), 16)
    }
}

/// A request id of Lambda or API Gateway: a random UUID, version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(u128);

impl RequestId {
    pub(crate) fn new(random: &mut Random) -> Self {
        const VERSION: u128 = 0xf << 76;
        const VARIANT: u128 = 0x3 << 62;
        RequestId(random.bits_128() & !VERSION & !VARIANT | (0x4 << 76) | (0x2 << 62))
    }
}

impl Display for RequestId {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for (index, (shift, digits)) in [(96, 8), (80, 4), (64, 4), (48, 4), (0, 12)].into_iter().enumerate() {
            if index > 0 {
                formatter.write_str("-")?;
            }
            write_hex(formatter, self.0 >> shift, digits)?;
        }
        Ok(())
    }
}

/// The shop's own id of an order, which every hop passes on: `ord-` and ten hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CorrelationId(u64);

impl CorrelationId {
    /// Of the order with this number. Multiplying by an odd constant permutes the forty bits: the ids look random and
    /// never repeat within a sample.
    pub(crate) const fn new(salt: u64, order_number: u64) -> Self {
        CorrelationId(order_number.wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xff_ffff_ffff)
    }

    /// The number that the shop shows to its customer: the same digits, spelled differently.
    pub(crate) fn order_number(self) -> impl Display {
        fmt::from_fn(move |formatter| write!(formatter, "O-{:012}", self.0))
    }
}

impl Display for CorrelationId {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("ord-")?;
        write_hex(formatter, u128::from(self.0), 10)
    }
}

/// 32 hex digits that end the name of a log stream.
pub(crate) fn stream_suffix(random: &mut Random) -> impl Display + use<> {
    let value = random.bits_128();
    fmt::from_fn(move |formatter| write_hex(formatter, value, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let mut random = Random::new(7);
        let trace = TraceId::new(1_795_250_573_000_000, &mut random);
        let (xray, hex) = (trace.xray().to_string(), trace.hex().to_string());
        assert!(xray.starts_with("1-6b01598d-") && xray.len() == 35, "{xray}");
        assert_eq!(xray.replacen("1-", "", 1).replace('-', ""), hex);
        let request = RequestId::new(&mut random).to_string();
        assert_eq!((request.len(), &request[14..15]), (36, "4"));
        assert!("89ab".contains(&request[19..20]), "{request}");
        assert_eq!(SpanId::new(&mut random).to_string().len(), 16);
        assert_ne!(CorrelationId::new(3, 1).to_string(), CorrelationId::new(3, 2).to_string());
    }
}
