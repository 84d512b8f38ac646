//! A body on its way from one connection to another, a piece at a time.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Where a body is put in.
#[derive(Debug)]
pub(super) struct Sink(Rc<RefCell<State>>);

/// Where it comes out: what a connection sends.
#[derive(Debug)]
pub(super) struct Flow(Rc<RefCell<State>>);

/// A body that ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the exchange was broken off")]
pub(super) struct BrokenOff;

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    end: End,
    /// Whether nobody takes anything out any more.
    abandoned: bool,
    sender: Option<Waker>,
    taker: Option<Waker>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    Whole,
    Broken,
}

/// Both ends of a pipe.
pub(super) fn pipe() -> (Sink, Flow) {
    let state = Rc::new(RefCell::new(State::default()));
    (Sink(Rc::clone(&state)), Flow(state))
}

// === impl Sink ===

impl Sink {
    pub(super) fn push(&self, data: Vec<u8>) {
        if data.is_empty() {
            return;
        }
        let mut state = self.0.borrow_mut();
        if !state.abandoned {
            state.queue.push_back(data.into());
        }
        state.wake_taker();
    }

    pub(super) fn finish(&self) {
        self.end(End::Whole);
    }

    pub(super) fn break_off(&self) {
        self.end(End::Broken);
    }

    /// Waits until everything that was put in has been taken: nothing more is read from one side before that.
    pub(super) async fn drained(&self) {
        self.until(|state| state.queue.is_empty() || state.abandoned).await;
    }

    /// Waits until nobody takes anything out any more.
    pub(super) async fn abandoned(&self) {
        self.until(|state| state.abandoned).await;
    }

    async fn until(&self, done: impl Fn(&State) -> bool) {
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            if done(&state) {
                return Poll::Ready(());
            }
            state.sender = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn end(&self, end: End) {
        let mut state = self.0.borrow_mut();
        if state.end == End::Open {
            state.end = end;
        }
        state.wake_taker();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.break_off();
    }
}

// === impl Flow ===

impl Body for Flow {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut state = self.0.borrow_mut();
        if let Some(data) = state.queue.pop_front() {
            if state.queue.is_empty() {
                state.wake_sender();
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match state.end {
            End::Whole => Poll::Ready(None),
            End::Broken => Poll::Ready(Some(Err(BrokenOff))),
            End::Open => {
                state.taker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.borrow();
        state.queue.is_empty() && state.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.abandoned = true;
        state.queue.clear();
        state.wake_sender();
    }
}

// === impl State ===

impl State {
    fn wake_taker(&mut self) {
        if let Some(waker) = self.taker.take() {
            waker.wake();
        }
    }

    fn wake_sender(&mut self) {
        if let Some(waker) = self.sender.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
