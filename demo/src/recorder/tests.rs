//! The recorder over real sockets.

use super::*;
use crate::http::Exchange;

#[tokio::test]
async fn it_answers_in_order_and_records_bytes() {
    let recorder = Recorder::start(Script::text(200, "usual")).await.unwrap();
    recorder.next(Script::text(500, "first"));
    let put = Exchange { body: b"abc", ..Exchange::new(recorder.address(), "PUT", "/a%2Fb?c") };
    let first = put.send().await.unwrap();
    let second = put.send().await.unwrap();
    assert_eq!((first.status, first.text().as_str()), (500, "first"));
    assert_eq!((second.status, second.text().as_str()), (200, "usual"));
    let seen = recorder.seen();
    assert_eq!((seen.connections, seen.requests.len()), (2, 2));
    assert_eq!(
        (seen.requests[0].target.as_str(), seen.requests[0].body.as_slice()),
        ("/a%2Fb?c", &b"abc"[..])
    );
    assert!(seen.contains(b"PUT /a%2Fb?c HTTP/1.1\r\n"));
    assert!(!seen.contains(b"GET"));
}

#[tokio::test]
async fn an_incomplete_request_leaves_its_bytes() {
    let recorder = Recorder::start(Script::Hang).await.unwrap();
    assert!(recorder.seen().is_nothing());
    let mut stream = TcpStream::connect(recorder.address()).await.unwrap();
    stream.write_all(b"PUT / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab").await.unwrap();
    while recorder.seen().is_nothing() {
        tokio::task::yield_now().await;
    }
    assert!(recorder.seen().contains(b"\r\n\r\n"));
    assert!(!recorder.saw_requests(1, Duration::from_millis(50)).await);
    stream.write_all(b"cde").await.unwrap();
    assert!(recorder.saw_requests(1, Duration::from_secs(5)).await);
}

#[tokio::test]
async fn it_can_close_hang_and_talk_nonsense() {
    let recorder = Recorder::start(Script::Close).await.unwrap();
    let get = Exchange::new(recorder.address(), "GET", "/");
    get.send().await.unwrap_err();
    recorder.next(Script::Raw(b"\"no http\r\n\r\n".to_vec()));
    get.send().await.unwrap_err();
    recorder.next(Script::Hang);
    timeout(Duration::from_millis(50), get.send()).await.unwrap_err();
    assert_eq!(recorder.seen().requests.len(), 3);
}

#[tokio::test]
async fn what_is_forgotten_is_not_seen_again() {
    let recorder = Recorder::start(Script::text(200, "")).await.unwrap();
    let mut stream = TcpStream::connect(recorder.address()).await.unwrap();
    stream.write_all(b"GET /one HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(recorder.saw_requests(1, Duration::from_secs(5)).await);
    recorder.forget();
    assert_eq!(recorder.seen(), Seen::default());
    stream.write_all(b"GET /two HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(recorder.saw_requests(1, Duration::from_secs(5)).await);
    let seen = recorder.seen();
    assert!(seen.contains(b"/two") && !seen.contains(b"/one"));
}

#[tokio::test]
async fn after_stopping_nobody_listens() {
    let recorder = Recorder::start(Script::Hang).await.unwrap();
    let address = recorder.address();
    recorder.stop().await;
    TcpStream::connect(address).await.unwrap_err();
}
