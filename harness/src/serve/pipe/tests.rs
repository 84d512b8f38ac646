use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use hyper::body::Body as _;

use super::{BrokenOff, Flow, pipe};

fn taken(flow: &mut Flow) -> Option<Option<Result<Vec<u8>, BrokenOff>>> {
    match Pin::new(flow).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => None,
        Poll::Ready(frame) => {
            Some(frame.map(|frame| frame.map(|frame| frame.into_data().expect("data").to_vec())))
        }
    }
}

fn is_ready(future: impl Future<Output = ()>) -> bool {
    let mut future = std::pin::pin!(future);
    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn nothing_more_is_due_before_the_last_piece_is_taken() {
    let (sink, mut flow) = pipe();
    assert!(is_ready(sink.drained()));
    assert_eq!(taken(&mut flow), None);
    sink.push(b"one".to_vec());
    assert!(!is_ready(sink.drained()));
    assert_eq!(taken(&mut flow), Some(Some(Ok(b"one".to_vec()))));
    assert!(is_ready(sink.drained()));
    sink.finish();
    assert!(flow.is_end_stream());
    assert_eq!(taken(&mut flow), Some(None));
}

#[test]
fn a_sink_that_is_lost_is_no_end() {
    let (sink, mut flow) = pipe();
    sink.push(b"half".to_vec());
    drop(sink);
    assert_eq!(taken(&mut flow), Some(Some(Ok(b"half".to_vec()))));
    assert_eq!(taken(&mut flow), Some(Some(Err(BrokenOff))));
}

#[test]
fn what_nobody_takes_is_not_kept() {
    let (sink, flow) = pipe();
    sink.push(b"one".to_vec());
    assert!(!is_ready(sink.abandoned()));
    drop(flow);
    assert!(is_ready(sink.abandoned()));
    assert!(is_ready(sink.drained()));
    sink.push(b"two".to_vec());
    assert!(is_ready(sink.drained()));
}
