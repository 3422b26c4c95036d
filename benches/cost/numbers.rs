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

/// By how much each number differs from its partner of the same round, in percent: the median, the least and the most.
pub fn differences(numbers: &[f64], base: &[f64]) -> (f64, f64, f64) {
    let all: Vec<f64> = numbers.iter().zip(base).map(|(n, b)| (n / b - 1.0) * 100.0).collect();
    let (least, most) = all.iter().fold((f64::MAX, f64::MIN), |(l, m), d| (l.min(*d), m.max(*d)));
    (median(all), least, most)
}

/// `+1.2 % (−0.3 to +2.0)`.
pub fn percent((median, least, most): (f64, f64, f64)) -> String {
    format!("{median:+.1} % ({least:+.1} to {most:+.1})").replace('-', "−")
}
