//! Few figures for several.

/// The middle one; of an even number, the mean of the middle two; 0 of none.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// The sample standard deviation; 0 of fewer than two.
#[must_use]
pub fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// How often [`ratio`] draws.
const DRAWS: usize = 4_000;

/// By what factor one series differs from another that was measured in the same rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The median of the rounds' quotients.
    pub median: f64,
    /// Between these two it lies with 95 % confidence.
    pub interval: (f64, f64),
}

/// The quotients of two series, round by round, with the percentile interval of a bootstrap: rounds are drawn with
/// replacement, each draw's median is noted, and the outer 5 % are cut off. A fixed seed: the same figures give the same
/// interval. `None` of no rounds.
#[must_use]
pub fn ratio(ours: &[f64], theirs: &[f64]) -> Option<Ratio> {
    let quotients: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    if quotients.is_empty() {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(0x7574_6f6f);
    let draw = |random: &mut fastrand::Rng| {
        median((0..quotients.len()).map(|_| quotients[random.usize(..quotients.len())]))
    };
    let mut draws: Vec<f64> = (0..DRAWS).map(|_| draw(&mut random)).collect();
    draws.sort_by(f64::total_cmp);
    let interval = (draws[DRAWS / 40], draws[DRAWS - 1 - DRAWS / 40]);
    Some(Ratio { median: median(quotients.iter().copied()), interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_deviations() {
        assert_eq!(median([]), 0.0);
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(deviation(&[5.0]), 0.0);
        assert_eq!(ratio(&[], &[]), None);
        let same = ratio(&[2.0, 2.0, 2.0], &[1.0, 1.0, 1.0]).unwrap();
        assert_eq!(same, Ratio { median: 2.0, interval: (2.0, 2.0) });
        let spread = ratio(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0; 5]).unwrap();
        assert_eq!(spread.median, 3.0);
        assert!(spread.interval.0 < 3.0 && spread.interval.1 > 3.0, "{spread:?}");
        assert!((deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) - 2.138).abs() < 0.001);
    }
}
