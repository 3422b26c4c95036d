//! `--since` and `--until`: how moments are written.
//!
//! - `2025-11-17T10:30:45Z`, `2025-11-17T11:30:45.5+01:00`, `2025-11-17 10:30:45`, `2025-11-17`: without a zone, UTC;
//! - `1763375445` or `1763375445.25`: seconds since 1970;
//! - `+10s`: after the capture's first record; `-30s`: before its last. Units `ms`, `s` (also without a unit), `m`, `h`, `d`.
//!
//! A moment is meant as precisely as it is written: as an end, one in microseconds or coarser takes in the whole microsecond, so
//! that `--until` with the timestamp of an event, which shows no more, takes in the event.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::AnalyzeError;
use crate::sink::Span;

/// A moment, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// UTC nanoseconds.
    At(i64),
    /// Nanoseconds after the first record.
    AfterStart(i64),
    /// Nanoseconds before the last record.
    BeforeEnd(i64),
}

impl When {
    /// Reads a moment. `option` is the option's name, for the message.
    ///
    /// # Errors
    /// [`AnalyzeError::Option`] saying what is expected.
    pub fn parse(option: &'static str, text: &str) -> Result<When, AnalyzeError> {
        let when = match text.as_bytes().first() {
            Some(b'+') => duration(&text[1..]).map(When::AfterStart),
            Some(b'-') => duration(&text[1..]).map(When::BeforeEnd),
            _ => moment(text).map(When::At),
        };
        when.ok_or_else(|| AnalyzeError::Option {
            option,
            value: text.to_owned(),
            why: "expected a time like 2025-11-17T10:30:45Z, seconds since 1970, +10s (after the capture's start) \
                  or -30s (before its end)"
                .to_owned(),
        })
    }

    /// Whether it can be understood only with the capture's span.
    pub fn is_relative(self) -> bool {
        !matches!(self, When::At(_))
    }

    /// The moment in UTC nanoseconds, as the beginning of a range.
    pub fn resolve(self, span: Span) -> i64 {
        match self {
            When::At(ns) => ns,
            When::AfterStart(ns) => span.first_wall_ns.saturating_add(ns),
            When::BeforeEnd(ns) => span.last_wall_ns.saturating_sub(ns),
        }
    }

    /// The moment in UTC nanoseconds, as the end of a range that takes it in.
    pub fn resolve_end(self, span: Span) -> i64 {
        let (When::At(written) | When::AfterStart(written) | When::BeforeEnd(written)) = self;
        let rest = if written % 1000 == 0 { 999 } else { 0 };
        self.resolve(span).saturating_add(rest)
    }
}

fn moment(text: &str) -> Option<i64> {
    if let Some(ns) = decimal(text, 1_000_000_000) {
        return Some(ns);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return at.timestamp_nanos_opt();
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, form) {
            return at.and_utc().timestamp_nanos_opt();
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_nanos_opt()
}

fn duration(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let ns = match unit {
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    decimal(number, ns)
}

/// A decimal number in units, as nanoseconds: without floating point, so that what is written is what is meant.
fn decimal(text: &str, unit_ns: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let are_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<i64>().ok()?.checked_mul(unit_ns)?;
    let mut scaled = i128::from(fraction.parse::<i64>().unwrap_or(0)) * i128::from(unit_ns);
    scaled /= 10i128.pow(fraction.len() as u32);
    whole.checked_add(i64::try_from(scaled).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const AT: i64 = 1_763_375_445 * SECOND;

    #[test]
    fn moments() {
        for (text, want) in [
            ("2025-11-17T10:30:45Z", When::At(AT)),
            ("2025-11-17T11:30:45.5+01:00", When::At(AT + SECOND / 2)),
            ("2025-11-17 10:30:45", When::At(AT)),
            ("2025-11-17T10:30", When::At(AT - 45 * SECOND)),
            ("2025-11-17", When::At(AT - (10 * 3600 + 30 * 60 + 45) * SECOND)),
            ("1763375445", When::At(AT)),
            ("1763375445.25", When::At(AT + SECOND / 4)),
            ("+10s", When::AfterStart(10 * SECOND)),
            ("+10", When::AfterStart(10 * SECOND)),
            ("-1.5m", When::BeforeEnd(90 * SECOND)),
            ("-200ms", When::BeforeEnd(SECOND / 5)),
            ("+1h", When::AfterStart(3600 * SECOND)),
            ("+2d", When::AfterStart(2 * 86400 * SECOND)),
        ] {
            assert_eq!(When::parse("--since", text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "+",
            "-",
            "yesterday",
            "10:30",
            "+10x",
            "+-1s",
            "1.2.3",
            "99999999999999999999",
            "2025-13-01",
            "-s",
            "+1e3",
        ] {
            assert!(When::parse("--since", text).is_err(), "{text}");
        }
        let error = When::parse("--until", "noon").unwrap_err().to_string();
        assert!(error.contains("--until") && error.contains("noon") && error.contains("+10s"), "{error}");
    }

    #[test]
    fn relative_to_the_capture() {
        let span = Span { first_wall_ns: 100, last_wall_ns: 900 };
        assert_eq!(When::AfterStart(5).resolve(span), 105);
        assert_eq!(When::BeforeEnd(5).resolve(span), 895);
        assert_eq!(When::At(7).resolve(span), 7);
    }

    #[test]
    fn an_end_takes_in_its_microsecond() {
        let span = Span { first_wall_ns: 123, last_wall_ns: 10_456 };
        for (text, want) in [
            ("0.000007", 7_999),
            ("0.000007001", 7_001),
            ("1970-01-01T00:00:00.000007Z", 7_999),
            ("1", SECOND + 999),
            ("+0.000002s", 123 + 2_999),
            ("+0.000000005s", 128),
            ("-0.000002s", 8_456 + 999),
        ] {
            assert_eq!(When::parse("--until", text).unwrap().resolve_end(span), want, "{text}");
        }
        assert_eq!(When::At(i64::MAX / 1000 * 1000).resolve_end(span), i64::MAX);
    }
}
