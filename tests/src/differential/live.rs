//! An exchange while it is under way: what was seen of it so far, by everybody who sees something.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};

use super::seen::{Progress, Seen};

/// What the upstream is told to do.
#[derive(Debug)]
pub enum Command {
    /// To send.
    Send(Vec<u8>),
    /// To close the connection.
    Close,
}

/// An exchange.
#[derive(Debug, Default)]
pub struct Live {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    seen: Seen,
    upstream: Option<mpsc::UnboundedSender<Command>>,
    /// Whether the client's side is closed.
    over: bool,
}

/// All exchanges that are under way, by their tags.
#[derive(Debug, Clone, Default)]
pub struct Register(Arc<Mutex<BTreeMap<String, Arc<Live>>>>);

// === impl Register ===

impl Register {
    /// Enters an exchange.
    pub fn enter(&self, tag: &str) -> Arc<Live> {
        let live = Arc::new(Live::default());
        self.entries().insert(tag.to_owned(), Arc::clone(&live));
        live
    }

    /// Forgets an exchange.
    pub fn leave(&self, tag: &str) {
        self.entries().remove(tag);
    }

    /// Finds one.
    pub fn find(&self, tag: &str) -> Option<Arc<Live>> {
        self.entries().get(tag).cloned()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Live>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Live ===

impl Live {
    /// Notes something.
    pub fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.state().seen);
        self.changed.notify_waiters();
    }

    /// The client's side is closed.
    pub fn end(&self) {
        self.state().over = true;
        self.changed.notify_waiters();
    }

    /// The connection of the upstream.
    pub fn connect(&self, upstream: mpsc::UnboundedSender<Command>) {
        self.state().upstream = Some(upstream);
        self.changed.notify_waiters();
    }

    /// Tells the upstream what to do. One that is not there any more does nothing.
    pub fn command(&self, command: Command) {
        if let Some(upstream) = &self.state().upstream
            && let Err(_gone) = upstream.send(command)
        {}
    }

    /// Waits until that much was seen; whether it was.
    pub async fn reach(&self, progress: Progress, limit: Duration) -> bool {
        self.wait(limit, |state| state.seen.progress().reaches(progress)).await
    }

    /// Waits until the client's side is closed; whether it is.
    pub async fn ended(&self, limit: Duration) -> bool {
        self.wait(limit, |state| state.over).await
    }

    /// What was seen.
    pub fn seen(&self) -> Seen {
        self.state().seen.clone()
    }

    async fn wait(&self, limit: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if is_so(&self.state()) {
                    return;
                }
                changed.await;
            }
        };
        timeout(limit, waiting).await.is_ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
