//! The plugin of one worker, with the configuration that is in force.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::{self, Write as _},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::upstream::Upstream;
use crate::{
    host::{LogLevel, Vm},
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
}

/// What the workers' VMs have in common.
#[derive(Debug)]
pub(super) struct World {
    pub(super) routes: Vec<Route>,
    /// By the name of the service.
    pub(super) upstreams: BTreeMap<String, Upstream>,
}

// === impl Instance ===

impl Instance {
    pub(super) fn new(vm: Vm, world: Arc<World>) -> Self {
        Self { vm: RefCell::new(vm), failed: Cell::new(false), world }
    }

    /// Calls the plugin, now; tells what it logs, and what it dies of.
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
        result
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
