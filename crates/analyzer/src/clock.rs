//! From the capture's clock to UTC.
//!
//! Invariants:
//! - A moment takes its offset from the last clock record at or before it (those before the first record, from the first).
//!   So the answer for a moment never changes once a later record was read, and a pipe needs no look ahead.
//! - The kernel slews its clock: two records differ by microseconds. Such a step back does not let time run backwards:
//!   UTC stands still until the new offset has caught up. A real step ([`STEP_NS`] or more) is kept as it was.
//! - Without a clock record there is no UTC, never 1970.

/// From here on a difference is a step of the clock, not its regulation.
const STEP_NS: i64 = 50_000_000;
/// Records kept: one a minute makes two months.
const KEPT: usize = 100_000;

/// The clock records of one capture.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    /// By time.
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    time_ns: u64,
    /// UTC minus capture clock.
    offset_ns: i64,
    /// UTC doesn't show less than this after the point, as it was shown before it.
    floor_ns: i64,
}

impl Clocks {
    /// Takes note of a clock record. One that is out of range for UTC in 64 bits tells nothing.
    pub fn note(&mut self, time_ns: u64, realtime_ns: u64) {
        let (Ok(time), Ok(realtime)) = (i64::try_from(time_ns), i64::try_from(realtime_ns)) else { return };
        let offset_ns = realtime - time;
        let at = self.points.partition_point(|p| p.time_ns <= time_ns);
        let floor_ns = match at.checked_sub(1).and_then(|i| self.points.get(i)) {
            Some(before) if before.offset_ns == offset_ns && at == self.points.len() => return,
            Some(before) => match before.wall(time) {
                Some(shown) if shown > realtime && shown - realtime < STEP_NS => shown,
                _ => i64::MIN,
            },
            None => i64::MIN,
        };
        if self.points.len() < KEPT {
            self.points.insert(at, Point { time_ns, offset_ns, floor_ns });
        }
    }

    /// Whether any record was read.
    pub fn is_known(&self) -> bool {
        !self.points.is_empty()
    }

    /// The moment in UTC nanoseconds.
    pub fn wall(&self, time_ns: u64) -> Option<i64> {
        let time = i64::try_from(time_ns).ok()?;
        let point = match self.points.last() {
            Some(last) if last.time_ns <= time_ns => last,
            _ => {
                let after = self.points.partition_point(|p| p.time_ns <= time_ns);
                self.points.get(after.saturating_sub(1))?
            }
        };
        point.wall(time)
    }
}

impl Point {
    fn wall(&self, time: i64) -> Option<i64> {
        let wall = time.checked_add(self.offset_ns)?;
        let is_before = u64::try_from(time).is_ok_and(|t| t < self.time_ns);
        Some(if is_before { wall } else { wall.max(self.floor_ns) })
    }
}

/// The earlier of two moments; one that isn't known doesn't count.
pub(crate) fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 1_763_337_600_000_000_000;

    #[test]
    fn no_record_no_time() {
        let mut clocks = Clocks::default();
        assert_eq!(clocks.wall(5), None);
        clocks.note(5, u64::MAX);
        assert!(!clocks.is_known());
    }

    #[test]
    fn offset_of_the_last_record_before() {
        let mut clocks = Clocks::default();
        clocks.note(1000, DAY);
        clocks.note(2000, DAY + 3_000_000_000);
        assert_eq!(clocks.wall(999), Some(DAY as i64 - 1));
        assert_eq!(clocks.wall(1999), Some(DAY as i64 + 999));
        assert_eq!(clocks.wall(2001), Some(DAY as i64 + 3_000_000_001));
        assert_eq!(clocks.wall(u64::MAX), None);
        assert_eq!(clocks.wall(i64::MAX as u64), None);
    }

    #[test]
    fn slewing_never_runs_backwards_but_a_step_does() {
        let mut clocks = Clocks::default();
        clocks.note(0, DAY);
        clocks.note(1_000, DAY + 400); // 600 ns back
        assert_eq!(clocks.wall(999), Some(DAY as i64 + 999));
        assert_eq!(clocks.wall(1_000), Some(DAY as i64 + 1_000));
        assert_eq!(clocks.wall(1_500), Some(DAY as i64 + 1_000));
        assert_eq!(clocks.wall(1_700), Some(DAY as i64 + 1_100));
        clocks.note(10_000, DAY - 3_600_000_000_000);
        assert_eq!(clocks.wall(10_000), Some(DAY as i64 - 3_600_000_000_000));
    }

    #[test]
    fn the_same_record_again_changes_nothing() {
        let mut clocks = Clocks::default();
        clocks.note(0, DAY);
        clocks.note(60, DAY + 60);
        assert_eq!(clocks.points.len(), 1);
    }
}
