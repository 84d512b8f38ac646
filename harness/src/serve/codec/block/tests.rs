use super::parse;

const GOOD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "gateway.demo"), (":path", "/a?b")];

fn fields(fields: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

fn refused(more: &[(&str, &str)]) -> Option<(u16, &'static str)> {
    parse(fields(&[&GOOD, more].concat()), true).err().map(|refusal| (refusal.status, refusal.details))
}

#[test]
fn a_head_is_what_it_says() {
    let (head, length) =
        parse(fields(&[&GOOD[..], &[("x-a", "b"), ("content-length", "3")]].concat()), false)
            .expect("a head");
    assert_eq!((head.method.as_slice(), head.path.as_deref()), (&b"GET"[..], Some(&b"/a?b"[..])));
    assert_eq!(
        (head.authority.as_deref(), head.scheme.as_deref()),
        (Some(&b"gateway.demo"[..]), Some(&b"http"[..]))
    );
    assert_eq!((head.fields.len(), length), (2, Some(3)));
}

#[test]
fn crumbs_of_a_cookie_are_one_and_a_host_stands_in() {
    let (head, _) =
        parse(fields(&[&GOOD[..], &[("cookie", "a=b"), ("cookie", "c=d")]].concat()), true).expect("a head");
    assert_eq!(head.fields, fields(&[("cookie", "a=b; c=d")]));
    let bare: Vec<_> = GOOD.into_iter().filter(|(name, _)| *name != ":authority").collect();
    assert!(parse(fields(&bare), true).is_err());
    let (head, _) = parse(fields(&[&bare[..], &[("host", "h")]].concat()), true).expect("a head");
    assert_eq!(head.authority.as_deref(), Some(&b"h"[..]));
}

#[test]
fn what_a_message_may_not_hold_resets_its_stream() {
    let message = Some((0, "http2.violation.of.messaging.rule"));
    assert_eq!(refused(&[]), None);
    assert_eq!(refused(&[("te", "trailers")]), None);
    for field in [
        ("connection", "close"),
        ("te", "gzip"),
        (":path", "/b"),
        (":status", "200"),
        ("content-length", "1"),
        ("content-length", "+0"),
    ] {
        assert_eq!(refused(&[field]), message, "{field:?}");
    }
    assert_eq!(refused(&[("content-length", "0"), ("content-length", "0")]), message);
    let field = Some((0, "http2.invalid.header.field"));
    for bad in [("X-A", "b"), ("x a", "b"), ("", "b"), ("x-a", "b\r\nc: d"), ("x-a", "b\0")] {
        assert_eq!(refused(&[bad]), field, "{bad:?}");
    }
    assert_eq!(refused(&[("x_a", "b")]), Some((0, "http2.unexpected_underscore")));
    let many: Vec<(String, &str)> = (0..=100).map(|number| (format!("x-{number}"), "a")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(refused(&many), Some((0, "http2.too_many_headers")));
}
