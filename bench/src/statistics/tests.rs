use super::*;

#[test]
fn quantiles_lie_between_neighbours() {
    let values = [4.0, 1.0, 3.0, 2.0];
    assert_eq!(quantile(&values, 0.0), Some(1.0));
    assert_eq!(quantile(&values, 0.5), Some(2.5));
    assert_eq!(quantile(&values, 0.25), Some(1.75));
    assert_eq!(quantile(&values, 1.0), Some(4.0));
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn the_interval_covers_the_true_median_about_as_often_as_it_says() {
    let mut random = Random::new(1);
    let trials = 200;
    let covered = (0..trials)
        .filter(|_| {
            let sample: Vec<f64> = (0..40).filter_map(|_| random.below(1001)).map(|n| n as f64).collect();
            let estimate = Estimate::of(&sample, &mut random).unwrap();
            (estimate.low..=estimate.high).contains(&500.0)
        })
        .count();
    assert!((180..=200).contains(&covered), "{covered} of {trials}");
}

#[test]
fn a_shuffle_keeps_all_and_repeats_from_its_seed() {
    let order = |seed: u64| {
        let mut list: Vec<u32> = (0..20).collect();
        Random::new(seed).shuffle(&mut list);
        list
    };
    assert_eq!(order(7), order(7));
    assert_ne!(order(7), order(8));
    let mut sorted = order(7);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..20).collect::<Vec<u32>>());
}
