use super::{Headers, Section};

fn check(headers: &Headers, expected: &[(&str, &str)]) {
    let shown: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (std::str::from_utf8(name).unwrap(), std::str::from_utf8(value).unwrap()))
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn names_are_compared_in_lower_case() {
    let mut headers = Headers::new([("X-One", "1")]);
    assert_eq!(headers.text("x-ONE"), Some("1"));
    headers.remove(b"X-ONE");
    assert!(headers.is_empty());
}

#[test]
fn a_field_that_repeats_is_added_and_one_that_does_not_is_joined() {
    let mut headers = Headers::new([("x-one", "1"), ("content-type", "a")]);
    headers.add(Section::Request, b"x-one", b"2");
    headers.add(Section::Request, b"content-type", b"b");
    check(&headers, &[("x-one", "1"), ("content-type", "a,b"), ("x-one", "2")]);
    assert_eq!(headers.joined(b"x-one").unwrap(), b"1,2");
    assert_eq!(headers.joined(b"x-two"), None);
}

#[test]
fn what_is_joined_depends_on_the_message() {
    let etags = [("etag", "a"), ("etag", "b")];
    check(&Headers::received(Section::Request, etags), &etags);
    check(&Headers::received(Section::Response, etags), &[("etag", "a,b")]);
    check(&Headers::received(Section::ResponseTrailers, etags), &etags);
}

#[test]
fn replacing_leaves_one_value() {
    let mut headers = Headers::new([(":path", "/"), ("x-one", "1"), ("x-one", "2"), ("x-two", "2")]);
    headers.replace(b"x-one", b"3");
    headers.replace(b":path", b"/new");
    check(&headers, &[(":path", "/new"), ("x-two", "2"), ("x-one", "3")]);
}
