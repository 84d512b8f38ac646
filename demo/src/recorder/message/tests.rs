//! Ends of requests.

use super::*;

fn complete(bytes: &[u8]) -> (Recorded, usize) {
    match parse(bytes) {
        Parsed::Complete(request, length) => (request, length),
        other @ (Parsed::Partial | Parsed::Invalid) => panic!("{other:?}"),
    }
}

#[test]
fn without_a_body() {
    let bytes = b"LIST /a?b=c HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\nGET";
    let (request, length) = complete(bytes);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("LIST", "/a?b=c"));
    assert_eq!(request.header("x-a").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(&bytes[length..], b"GET");
}

#[test]
fn with_a_length() {
    let bytes = b"PUT / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcd";
    let (request, length) = complete(bytes);
    assert_eq!((request.body.as_slice(), &bytes[length..]), (&b"abc"[..], &b"d"[..]));
}

#[test]
fn in_chunks_with_trailers() {
    let bytes = b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nt: v\r\n\r\nG";
    let (request, length) = complete(bytes);
    assert_eq!((request.body.as_slice(), &bytes[length..]), (&b"abc0123456789"[..], &b"G"[..]));
}

#[test]
fn every_shorter_beginning_is_partial() {
    let bytes = b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for length in 0..bytes.len() {
        assert_eq!(parse(&bytes[..length]), Parsed::Partial, "{length}");
    }
    assert_eq!(complete(bytes).1, bytes.len());
}

#[test]
fn what_has_no_end_is_invalid() {
    for bytes in [
        &b"PUT / HTTP/1.1\r\ncontent-length: x\r\n\r\n"[..],
        b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PUT / HTTP/1.1\r\nno colon\r\n\r\n",
        b"nonsense\r\n\r\n",
    ] {
        assert_eq!(parse(bytes), Parsed::Invalid);
    }
}
