//! Moments as ISO 8601 in UTC with microseconds: `2025-11-17T10:30:45.123456Z`.
//!
//! Invariant: always 27 bytes; what is finer than a microsecond is cut, not rounded, so that order is kept.

use chrono::{DateTime, Datelike, Timelike};

const NS: i64 = 1_000_000_000;

/// Writes moments; remembers the last second, since most events share theirs with the one before.
#[derive(Clone, Debug)]
pub struct Stamps {
    second: i64,
    /// `2025-11-17T10:30:45.`
    text: [u8; 20],
}

impl Default for Stamps {
    fn default() -> Self {
        Stamps { second: 0, text: *b"1970-01-01T00:00:00." }
    }
}

impl Stamps {
    /// Appends the moment, without quotes.
    pub fn put(&mut self, out: &mut Vec<u8>, wall_ns: i64) {
        let second = wall_ns.div_euclid(NS);
        if second != self.second {
            self.second = second;
            self.text = second_text(second);
        }
        out.extend_from_slice(&self.text);
        let micros = wall_ns.rem_euclid(NS) / 1000;
        let mut digits = *b"000000Z";
        put_digits(&mut digits[..6], micros);
        out.extend_from_slice(&digits);
    }
}

/// The moment as a string.
pub fn timestamp(wall_ns: i64) -> String {
    let mut out = Vec::with_capacity(27);
    Stamps::default().put(&mut out, wall_ns);
    String::from_utf8(out).unwrap_or_default()
}

fn second_text(second: i64) -> [u8; 20] {
    let mut text = *b"0000-00-00T00:00:00.";
    // Nanoseconds in 64 bits reach from 1677 to 2262: chrono knows all of them.
    if let Some(at) = DateTime::from_timestamp(second, 0) {
        put_digits(&mut text[0..4], i64::from(at.year()));
        for (place, value) in
            [(5, at.month()), (8, at.day()), (11, at.hour()), (14, at.minute()), (17, at.second())]
        {
            put_digits(&mut text[place..place + 2], i64::from(value));
        }
    }
    text
}

/// Fills the slice with the number's last digits.
fn put_digits(digits: &mut [u8], mut number: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_iso_8601() {
        for (ns, want) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_763_375_445_123_456_789, "2025-11-17T10:30:45.123456Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000_999, "2000-02-29T00:00:00.000000Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224Z"),
        ] {
            assert_eq!(timestamp(ns), want);
        }
    }

    #[test]
    fn the_remembered_second_is_the_right_one() {
        let mut stamps = Stamps::default();
        for ns in [5_000_000_000, 5_999_999_999, 6_000_000_000, 5_000_000_001, 0] {
            let mut out = Vec::new();
            stamps.put(&mut out, ns);
            assert_eq!(String::from_utf8(out).unwrap(), timestamp(ns));
        }
    }
}
