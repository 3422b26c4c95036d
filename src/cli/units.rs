//! Durations and sizes as people write them.

use std::time::Duration;

/// `60` (seconds), `500ms`, `5m`, `1h 30m`.
///
/// # Errors
/// What was expected and what came.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text)
        .map_err(|_| format!("expected seconds, or a number with a unit such as 500ms, 5m, 1h; got `{text}`"))
}

/// `1048576`, `64K`, `256M`, `1G`: powers of 1,024.
///
/// # Errors
/// What was expected and what came.
pub fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|_| format!("expected bytes, or a number with K, M or G; got `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("60"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("-1").is_err());
        assert!(duration("soon").unwrap_err().contains("soon"));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("1M"), Ok(1 << 20));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        assert!(size("big").unwrap_err().contains("big"));
    }
}
