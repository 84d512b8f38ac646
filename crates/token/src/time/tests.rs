use super::UnixTime;

#[test]
fn arithmetic_never_wraps() {
    let moment = UnixTime::new(100);
    assert_eq!(moment.checked_add(30), Some(UnixTime::new(130)));
    assert_eq!(moment.checked_sub(130), Some(UnixTime::new(-30)));
    assert_eq!(moment.seconds_since(UnixTime::new(40)), Some(60));
    assert_eq!(UnixTime::new(i64::MAX).checked_add(1), None);
    assert_eq!(UnixTime::new(i64::MIN).checked_sub(1), None);
    assert_eq!(UnixTime::new(i64::MIN).seconds_since(UnixTime::new(1)), None);
}
