//! The plugin of one worker, with the configuration that is in force.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::{self, Write as _},
    rc::{Rc, Weak},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    callout,
    upstream::{Pool, Upstream},
};
use crate::{
    host::{Callout, CalloutOutcome, LogLevel, StreamId, StreamInfo, Vm},
    route::Route,
};

/// What requests are held against: one VM, the routes, and what is behind them. A request keeps the one that it began
/// with, whatever is loaded meanwhile.
#[derive(Debug)]
pub(super) struct Instance {
    vm: RefCell<Vm>,
    /// Whether the failure of the VM has been told.
    failed: Cell<bool>,
    pub(super) world: Arc<World>,
    present: RefCell<BTreeMap<StreamId, Rc<Presence>>>,
    pool: Pool,
    tasks: TaskTracker,
    own: Weak<Self>,
}

/// What the workers' VMs have in common.
#[derive(Debug)]
pub(super) struct World {
    pub(super) routes: Vec<Route>,
    /// By the name of the service or the cluster.
    pub(super) upstreams: BTreeMap<String, Upstream>,
}

/// An exchange, for what happens to it outside of its own calls.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// Something of it went on.
    pub(super) woken: Notify,
    /// It is over: what was asked for it is asked no more.
    gone: CancellationToken,
}

// === impl Instance ===

impl Instance {
    /// `tasks` are those that the worker waits for before it ends.
    pub(super) fn new(vm: Vm, world: Arc<World>, pool: Pool, tasks: TaskTracker) -> Rc<Self> {
        Rc::new_cyclic(|own| Self {
            vm: RefCell::new(vm),
            failed: Cell::new(false),
            world,
            present: RefCell::default(),
            pool,
            tasks,
            own: own.clone(),
        })
    }

    /// A new stream, with properties that only the proxy knows.
    pub(super) fn open<'a>(
        &self,
        attributes: impl IntoIterator<Item = (&'a [&'a str], Vec<u8>)>,
    ) -> (StreamId, Rc<Presence>) {
        let stream = self.with(|vm| vm.open(attributes));
        let presence = Rc::new(Presence::default());
        self.present.borrow_mut().insert(stream, Rc::clone(&presence));
        (stream, presence)
    }

    /// Ends a stream, whatever state it is in.
    pub(super) fn close(&self, stream: StreamId) -> StreamInfo {
        if let Some(presence) = self.present.borrow_mut().remove(&stream) {
            presence.gone.cancel();
        }
        self.with(|vm| vm.close(stream))
    }

    /// The timer of the plugin has come round.
    pub(super) fn tick(&self) {
        self.with(Vm::tick);
        self.wake();
    }

    /// Calls the plugin, now; tells what it logs, and what it dies of, and begins with what it asks for.
    pub(super) fn with<T>(&self, call: impl FnOnce(&mut Vm) -> T) -> T {
        let mut vm = self.vm.borrow_mut();
        vm.set_time(now());
        let result = call(&mut vm);
        for line in vm.take_log() {
            if line.level >= LogLevel::Warn {
                tell(&format!("actgate.wasm: {}", line.message));
            }
        }
        // What is counted is nobody's here, and may not grow.
        drop(vm.take_usage());
        let failure = vm.failure().map(str::to_owned);
        if let Some(failure) = &failure
            && !self.failed.get()
        {
            tell(&format!("error: the plugin trapped and is loaded anew: {failure}"));
        }
        self.failed.set(failure.is_some());
        for callout in vm.take_callouts() {
            self.carry_out(callout);
        }
        result
    }

    /// Carries a callout out, and lets the plugin know, unless nobody waits for it any more by then.
    fn carry_out(&self, callout: Callout) {
        let presence = callout.stream.and_then(|stream| self.present.borrow().get(&stream).map(Rc::clone));
        let (world, pool, own) = (Arc::clone(&self.world), self.pool.clone(), self.own.clone());
        self.tasks.spawn_local(async move {
            let carried = callout::carry_out(&callout, &world, &pool);
            let outcome = match presence {
                Some(presence) => presence.gone.run_until_cancelled(carried).await,
                None => Some(carried.await),
            };
            if let Some((outcome, own)) = outcome.zip(own.upgrade()) {
                own.answer(callout.token, outcome);
            }
        });
    }

    fn answer(&self, token: u32, outcome: CalloutOutcome) {
        self.with(|vm| vm.answer_callout(token, outcome));
        self.wake();
    }

    /// Lets every exchange know of which something went on.
    fn wake(&self) {
        let ready = self.vm.borrow().ready();
        let present = self.present.borrow();
        for presence in ready.iter().filter_map(|stream| present.get(stream)) {
            presence.woken.notify_one();
        }
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A line for whoever watches.
pub(super) fn tell(line: &str) {
    if let Err(_nobody_watches) = writeln!(io::stderr(), "{line}") {}
}
