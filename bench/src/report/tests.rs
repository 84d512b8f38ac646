use super::*;

fn estimate(low: f64, median: f64, high: f64) -> Estimate {
    Estimate { median, low, high }
}

#[test]
fn a_budget_is_met_only_by_the_whole_interval() {
    let verdict =
        |low, high, budget| Verdict::of(&estimate(low, (low + high) / 2.0, high), 0.3, Some(budget));
    assert_eq!(verdict(8.0, 9.9, 10.0), Verdict::Met);
    assert_eq!(verdict(9.0, 10.4, 10.0), Verdict::Undecided);
    assert_eq!(verdict(10.1, 10.4, 10.0), Verdict::Missed);
    assert_eq!(verdict(-0.2, 0.2, 0.0), Verdict::Met);
    assert_eq!(verdict(0.1, 0.6, 0.0), Verdict::Undecided);
    assert_eq!(verdict(0.4, 0.6, 0.0), Verdict::Missed);
}

#[test]
fn no_confidence_is_printed_below_the_noise() {
    assert_eq!(told(&estimate(0.8, 1.0, 1.2), 0.5), "+1.00 [+0.80, +1.20]");
    assert_eq!(told(&estimate(0.2, 0.4, 0.6), 0.5), "+0.40 is below the noise");
    assert_eq!(told(&estimate(-0.6, -0.4, -0.2), 0.5), "-0.40 is below the noise");
}

#[test]
fn every_name_that_is_compared_is_measured() {
    let known = |name: &str| VARIANTS.iter().any(|variant| variant.name == name);
    assert!(VARIANTS.iter().all(|variant| known(variant.baseline)));
    assert!(COMPARISONS.iter().all(|comparison| known(comparison.variant) && known(comparison.baseline)));
}
