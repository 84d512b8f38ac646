use super::{Framing, Head, parse};

fn read(text: &str) -> Result<(Head, Framing), (u16, &'static str)> {
    parse(text.as_bytes()).map_err(|refusal| (refusal.status, refusal.details))
}

fn framed(lines: &str) -> Result<Framing, u16> {
    read(&format!("PUT /a HTTP/1.1\r\nhost: h\r\n{lines}\r\n"))
        .map(|(_, framing)| framing)
        .map_err(|bad| bad.0)
}

#[test]
fn a_head_is_taken_as_it_is_written() {
    let (head, framing) =
        read("GET  /a%2F?b={c} HTTP/1.1\nHost: gateway.demo\nX-A:  b c \nx-a: d\n\n").expect("a head");
    assert_eq!(head.method, b"GET");
    assert_eq!(head.authority.as_deref(), Some(&b"gateway.demo"[..]));
    assert_eq!(head.path.as_deref(), Some(&b"/a%2F?b={c}"[..]));
    let fields = [(&b"x-a"[..], &b"b c"[..]), (b"x-a", b"d")];
    assert_eq!(head.fields, fields.map(|(name, value)| (name.to_vec(), value.to_vec())));
    assert_eq!(framing, Framing::Nothing);
}

#[test]
fn an_absolute_target_says_which_host() {
    let (head, _) = read("GET http://a:b@gateway.demo?x HTTP/1.1\r\nhost: other\r\n\r\n").expect("a head");
    assert_eq!(head.authority.as_deref(), Some(&b"gateway.demo"[..]));
    assert_eq!(head.path.as_deref(), Some(&b"/?x"[..]));
}

#[test]
fn targets_that_are_more_or_less_than_a_path_are_refused() {
    for (line, status) in [
        ("GET /a#b HTTP/1.1", 400),
        ("GET a HTTP/1.1", 400),
        ("GET * HTTP/1.1", 400),
        ("OPTIONS * HTTP/1.1", 404),
        ("GET ftp://h/a HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET /a\t HTTP/1.1", 400),
        ("GET /\u{e4} HTTP/1.1", 400),
        ("CONNECT /a HTTP/1.1", 400),
        ("GET /a HTTP/1.0", 426),
        ("GET /a HTTP/2.0", 426),
        ("GET /a", 426),
        ("GET /a http/1.1", 400),
        ("GE:T /a HTTP/1.1", 400),
        (" GET /a HTTP/1.1", 400),
        ("GET", 400),
    ] {
        assert_eq!(
            read(&format!("{line}\r\nhost: h\r\n\r\n")).map_err(|bad| bad.0).err(),
            Some(status),
            "{line}"
        );
    }
}

#[test]
fn fields_that_two_readers_read_differently_are_refused() {
    for field in ["a : b", " a: b", "\ta: b", "nonsense", ": b", "a/b: c", "a: b\0c", "a: b\rc", "a: b\u{1}"]
    {
        assert_eq!(framed(&format!("{field}\r\n")), Err(400), "{field:?}");
    }
    assert_eq!(framed("a: b\r\n c\r\n"), Err(400), "a folded line");
    assert_eq!(read("GET /a HTTP/1.1\r\n\r\n").err(), Some((400, "missing_host_header")));
    let many: String = (0..101).map(|number| format!("x-{number}: y\r\n")).collect();
    assert_eq!(framed(&many), Err(431));
}

#[test]
fn a_body_has_one_end() {
    assert_eq!(framed("content-length: 5\r\n"), Ok(Framing::Length(5)));
    assert_eq!(framed("transfer-encoding: Chunked\r\n"), Ok(Framing::Chunked));
    for (lines, status) in [
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", 400),
        ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", 400),
        ("content-length: 5\r\ncontent-length: 5\r\n", 400),
        ("content-length: +5\r\n", 400),
        ("content-length: 5, 5\r\n", 400),
        ("content-length:\r\n", 400),
        ("content-length: 99999999999999999999\r\n", 400),
        ("transfer-encoding: gzip, chunked\r\n", 501),
        ("transfer-encoding: identity\r\n", 501),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", 501),
    ] {
        assert_eq!(framed(lines), Err(status), "{lines:?}");
    }
}
