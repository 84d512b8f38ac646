use super::*;

#[test]
fn a_wait_is_read_as_it_is_written() {
    for (field, seconds) in [
        ("wait=10", Some(10)),
        ("respond-async, wait=10", Some(10)),
        ("Wait = 5", Some(5)),
        ("wait=\"7\"; x=y", Some(7)),
        ("wait=0", Some(0)),
        ("wait=1, wait=2", Some(1)),
        ("wait", None),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=+1", None),
        ("wait=1.5", None),
        ("wait=soon", None),
        ("wait=99999999999999999999", None),
        ("awaits=3", None),
        ("return=minimal", None),
        ("", None),
    ] {
        assert_eq!(of(field), seconds, "{field}");
    }
}
