//! Names of segment files: `HOST-20261121T120000Z-000000.ctrace`.
//!
//! Invariants: the time is when the recording began, in UTC, so that the names of a recording sort by number even if
//! the clock is set back; a name holds only letters, digits, `.`, `-` and `_`.

use std::time::{SystemTime, UNIX_EPOCH};

/// The ending of a capture.
pub(super) const ENDING: &str = ".ctrace";
/// What is added to it until the file is closed.
pub(super) const UNFINISHED: &str = ".partial";

/// What the names of a recording's segments begin with.
pub(super) fn stem(host: &str, start: SystemTime) -> String {
    let seconds = start.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
    let host: String = host.trim_start_matches(['.', '-']).chars().take(64).map(safe).collect();
    let host = if host.is_empty() { "host" } else { &host };
    format!("{host}-{}", utc(seconds))
}

/// The name of a segment.
pub(super) fn segment(stem: &str, number: u32) -> String {
    format!("{stem}-{number:06}{ENDING}")
}

/// `20261121T120000Z`.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The date so many days after 1970-01-01, counted from 1 March of year 0, so that leap days come last in a year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_utc() {
        for (seconds, want) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_767_225_599, "20251231T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(utc(seconds), want);
        }
    }

    #[test]
    fn names_are_plain_and_sort() {
        let start = UNIX_EPOCH + Duration::from_secs(951_782_400);
        assert_eq!(segment(&stem("web-1.example", start), 7), "web-1.example-20000229T000000Z-000007.ctrace");
        assert_eq!(stem("../a b/\u{e9}\n", start), "_a_b___-20000229T000000Z");
        assert_eq!(stem("", start), "host-20000229T000000Z");
        assert!(segment("x", 9) < segment("x", 10) && segment("x", 99_999) < segment("x", 100_000));
    }
}
