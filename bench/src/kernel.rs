//! What the kernel tells: processor time of threads, steal, memory, load; and who runs on which processor.
//!
//! `schedstat` counts nanoseconds (Documentation/scheduler/sched-stats.rst); `/proc/PID/stat` counts in 10 ms ticks and
//! is of no use here.

use std::{fs, io};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::error::BenchError;

/// Where Envoy runs and where everything else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Processors {
    pub(crate) envoy: usize,
    pub(crate) load: usize,
}

/// One worker thread and its process.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pid: u32,
    thread: u32,
}

/// Processor time up to now, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// By the worker.
    pub(crate) worker: u64,
    /// By all other threads of the process.
    pub(crate) others: u64,
    /// How long the worker was ready to run and something else ran instead.
    pub(crate) waited: u64,
}

/// Ticks of all processors up to now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ticks {
    total: u64,
    steal: u64,
}

// === impl Processors ===

impl Processors {
    /// The first processor that this process may use for Envoy, the last one for the rest.
    pub(crate) fn choose() -> Result<Self, BenchError> {
        let allowed = sched_getaffinity(None)
            .map_err(io::Error::from)
            .map_err(BenchError::io("ask for the processors"))?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let envoy = usable.next().unwrap_or_default();
        Ok(Self { envoy, load: usable.next_back().unwrap_or(envoy) })
    }

    /// Whether Envoy has one to itself.
    pub(crate) fn apart(self) -> bool {
        self.envoy != self.load
    }
}

/// Binds the calling thread, and what it starts from now on, to a processor.
pub(crate) fn bind(cpu: usize) -> Result<(), BenchError> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)
        .map_err(io::Error::from)
        .map_err(BenchError::io(format!("bind to processor {cpu}")))
}

// === impl Worker ===

impl Worker {
    /// The thread that Envoy calls its first worker.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let thread = threads(pid).into_iter().find(|thread| {
            fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm"))
                .is_ok_and(|name| name.trim() == "wrk:worker_0")
        })?;
        Some(Self { pid, thread })
    }

    /// The main thread; all others count beside it.
    pub(crate) fn main(pid: u32) -> Self {
        Self { pid, thread: pid }
    }

    /// The processor time so far. A running thread's own is only up to date at a tick: ask when it sleeps.
    pub(crate) fn spent(&self) -> Result<Spent, BenchError> {
        let mut spent = Spent::default();
        for thread in threads(self.pid) {
            // A thread may end while the list is walked.
            let Some((ran, waited)) = schedstat(self.pid, thread) else { continue };
            if thread == self.thread {
                spent.worker = ran;
                spent.waited = waited;
            } else {
                spent.others = spent.others.saturating_add(ran);
            }
        }
        if spent.worker == 0 {
            return Err(BenchError::Unmeasurable("the processor time of threads (schedstat)"));
        }
        Ok(spent)
    }
}

// === impl Spent ===

impl Spent {
    /// What was spent after `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            worker: self.worker.saturating_sub(earlier.worker),
            others: self.others.saturating_sub(earlier.others),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn schedstat(pid: u32, thread: u32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok()?;
    let mut fields = text.split_whitespace().map_while(|field| field.parse().ok());
    Some((fields.next()?, fields.next()?))
}

// === impl Ticks ===

impl Ticks {
    /// Up to now (proc(5), `/proc/stat`).
    pub(crate) fn now() -> Result<Self, BenchError> {
        let text = fs::read_to_string("/proc/stat").map_err(BenchError::io("read `/proc/stat`"))?;
        let line = text.lines().next().unwrap_or_default();
        // user nice system idle iowait irq softirq steal; guest time is within user time.
        let fields: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
        let total = fields.iter().copied().fold(0, u64::saturating_add);
        Ok(Self { total, steal: fields.get(7).copied().unwrap_or_default() })
    }

    /// The share that the hypervisor took since `earlier`, of all processors.
    pub(crate) fn steal_since(self, earlier: Self) -> f64 {
        let total = self.total.saturating_sub(earlier.total);
        ratio(self.steal.saturating_sub(earlier.steal), total)
    }
}

/// `part` of `whole`; nothing of nothing is 0.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "nothing here counts to 2^52")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// The resident memory of a process in KiB (proc(5), `VmRSS`).
pub(crate) fn resident_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The load averages over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> Vec<f64> {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).filter_map(|field| field.parse().ok()).collect()
}

/// The name of the processor.
pub(crate) fn processor_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    line.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}
