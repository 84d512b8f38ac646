use super::*;

#[test]
fn an_answer_is_read_once_it_is_whole() {
    let whole = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nx: y\r\n\r\nabc";
    for end in 0..whole.len() {
        assert_eq!(Answer::read(&whole[..end]).unwrap(), None, "{end}");
    }
    assert_eq!(Answer::read(whole).unwrap(), Some(Answer { status: 403, body: b"abc".to_vec() }));
}

#[test]
fn what_is_not_counted_on_is_an_error() {
    for bad in [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
        b"HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
    ] {
        assert!(Answer::read(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn every_request_is_sent_once_and_every_answer_looked_at() {
    let upstream = crate::upstream::start().unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec();
    let mut load = Load::open(upstream, 4, vec![request.clone()], 200).unwrap();
    for count in [0, 1, 3, 4, 1001] {
        load.run(count).unwrap();
    }
    let mut wrong = Load::open(upstream, 4, vec![request], 403).unwrap();
    assert!(wrong.run(1).is_err());
}
