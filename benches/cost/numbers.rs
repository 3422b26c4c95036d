//! Medians, and how tables write numbers.

/// The middle of the numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => numbers[n / 2],
        n => (numbers[n / 2 - 1] + numbers[n / 2]) / 2.0,
    }
}

/// By how much each number differs from its partner of the same round, in percent: the median, and between which two half of
/// them lie.
pub fn differences(numbers: &[f64], base: &[f64]) -> (f64, f64, f64) {
    let mut all: Vec<f64> = numbers.iter().zip(base).map(|(n, b)| (n / b - 1.0) * 100.0).collect();
    all.sort_by(f64::total_cmp);
    let quarter = all.len() / 4;
    let at = |index: usize| all.get(index).copied().unwrap_or(f64::NAN);
    (median(all.clone()), at(quarter), at(all.len().saturating_sub(1 + quarter)))
}

/// `+1.2 % (−0.3 to +2.0)`.
pub fn percent((median, lower, upper): (f64, f64, f64)) -> String {
    format!("{median:+.1} % ({lower:+.1} to {upper:+.1})").replace('-', "−")
}
