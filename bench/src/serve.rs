//! What `actgate serve` costs beside a proxy that only passes on: three processes with one worker each, before the same
//! upstream, asked in turn.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    campaign::{Extent, MAX_STEAL},
    envoy::free_addresses,
    error::BenchError,
    kernel::{Processors, Ticks, Worker, bind, float},
    load::{Answer, Load},
    progress,
    statistics::{Estimate, Random, quantile},
};

/// What is asked for before anything is measured: the processes' heaps and pools have then found their size.
const WARM_UP: usize = 2000;
const LEAD_IN: usize = 100;
const CONNECTIONS: usize = 4;
const SETTLE: Duration = Duration::from_millis(3);

/// It compiles the plugin where its cache has no code for it.
const READY: Duration = Duration::from_secs(120);

/// Its blocks need be no longer: here it is about hundreds of microseconds.
const SHORTER: usize = 4;

/// What serve may add, in microseconds.
pub(crate) const BUDGET: f64 = 300.0;

/// The programs, both built for release.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) actgate: PathBuf,
    pub(crate) pass_through: PathBuf,
}

/// What each process was asked with.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) config: &'a Path,
    pub(crate) plugin: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) upstream: SocketAddr,
    /// Who takes its records.
    pub(crate) taker: SocketAddr,
    pub(crate) request: &'a [u8],
}

/// Microseconds of the whole process for a request, cycle by cycle.
#[derive(Debug)]
pub(crate) struct Serving {
    pass_through: Vec<f64>,
    again: Vec<f64>,
    serve: Vec<f64>,
    pub(crate) dropped: usize,
}

/// A proxy, ended with its value.
#[derive(Debug)]
struct Proxy {
    child: Child,
    address: SocketAddr,
}

// === impl Programs ===

impl Programs {
    /// Where `make bench` builds them.
    ///
    /// # Errors
    /// Either is missing.
    pub(crate) fn find(target: &Path) -> Result<Self, BenchError> {
        let actgate = target.join("release/actgate");
        let pass_through = target.join("release/examples/pass_through");
        for program in [&actgate, &pass_through] {
            if !program.is_file() {
                return Err(BenchError::NotBuilt(program.clone()));
            }
        }
        Ok(Self { actgate, pass_through })
    }
}

/// Measures all three.
pub(crate) fn look(
    programs: &Programs,
    question: &Question<'_>,
    processors: Processors,
    extent: Extent,
    random: &mut Random,
) -> Result<Serving, BenchError> {
    progress::show("starting actgate serve");
    let Question { config, plugin, folder, upstream, taker, request } = *question;
    let addresses = free_addresses(3)?;
    let plain = |listen: &SocketAddr| {
        let mut command = Command::new(&programs.pass_through);
        command.args([listen.to_string(), upstream.to_string()]);
        command
    };
    let serve = |listen: &SocketAddr| {
        let mut command = Command::new(&programs.actgate);
        command.arg("serve").arg(config).arg("--wasm").arg(plugin).args(["--workers", "1"]);
        command.arg("--ledger").arg(folder.join("ledger.jsonl")).arg("--listen").arg(listen.to_string());
        for service in ["secrets", "git", "deploy", "mcp"] {
            command.arg("--upstream").arg(format!("{service}=http://{upstream}"));
        }
        // The demo's configuration sends its records there.
        command.arg("--upstream").arg(format!("control=http://{taker}"));
        command
    };
    let commands = match addresses.as_slice() {
        [one, two, three] => [(plain(one), *one), (plain(two), *two), (serve(three), *three)],
        _ => return Err(BenchError::Unmeasurable("three free ports")),
    };
    let mut lanes = Vec::new();
    for (command, address) in commands {
        let proxy = Proxy::start(command, address, processors, request)?;
        let load = Load::open(address, CONNECTIONS, vec![request.to_vec()], 200);
        let mut load = load.map_err(BenchError::io("ask a proxy"))?;
        load.run(WARM_UP).map_err(BenchError::io("ask a proxy"))?;
        lanes.push((proxy, load));
    }
    let block = extent.block.div_ceil(SHORTER);
    let mut costs = vec![Vec::new(); lanes.len()];
    let mut dropped = 0usize;
    for cycle in 0..extent.cycles {
        progress::show(&format!("serve: cycle {} of {}", cycle.saturating_add(1), extent.cycles));
        let ticks = Ticks::now()?;
        let mut order: Vec<usize> = (0..lanes.len()).collect();
        random.shuffle(&mut order);
        let mut spent = vec![0u64; lanes.len()];
        for index in order.iter().chain(order.iter().rev()) {
            let (Some((proxy, load)), Some(sum)) = (lanes.get_mut(*index), spent.get_mut(*index)) else {
                continue;
            };
            *sum = sum.saturating_add(proxy.block(load, block)?);
        }
        if Ticks::now()?.steal_since(ticks) > MAX_STEAL {
            dropped = dropped.saturating_add(1);
            continue;
        }
        let requests = float(u64::try_from(block.saturating_mul(2)).unwrap_or(u64::MAX));
        for (costs, nanoseconds) in costs.iter_mut().zip(&spent) {
            costs.push(float(*nanoseconds) / requests / 1000.0);
        }
    }
    progress::clear();
    let mut costs = costs.into_iter();
    let mut next = || costs.next().unwrap_or_default();
    let (pass_through, again, serve) = (next(), next(), next());
    if serve.is_empty() {
        Err(BenchError::NoCycles)
    } else {
        Ok(Serving { pass_through, again, serve, dropped })
    }
}

// === impl Serving ===

impl Serving {
    /// The median of a request: passed on, and served.
    pub(crate) fn medians(&self) -> Option<(f64, f64)> {
        Some((quantile(&self.pass_through, 0.5)?, quantile(&self.serve, 0.5)?))
    }

    /// What serve adds: pairs of the same cycle.
    pub(crate) fn added(&self, random: &mut Random) -> Option<Estimate> {
        Self::difference(&self.serve, &self.pass_through, random)
    }

    /// What two equal processes differ by.
    pub(crate) fn noise(&self, random: &mut Random) -> Option<Estimate> {
        Self::difference(&self.again, &self.pass_through, random)
    }

    fn difference(one: &[f64], other: &[f64], random: &mut Random) -> Option<Estimate> {
        let pairs: Vec<f64> = one.iter().zip(other).map(|(one, other)| one - other).collect();
        Estimate::of(&pairs, random)
    }
}

// === impl Proxy ===

impl Proxy {
    /// Starts it on Envoy's processor, and waits until it answers.
    fn start(
        mut command: Command,
        address: SocketAddr,
        processors: Processors,
        request: &[u8],
    ) -> Result<Self, BenchError> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // What is started inherits where it may run.
        bind(processors.envoy)?;
        let child = command.spawn();
        bind(processors.load)?;
        let child = child.map_err(BenchError::io(format!("start `{program}`")))?;
        let mut proxy = Self { child, address };
        let start = Instant::now();
        while start.elapsed() < READY {
            match Answer::to(proxy.address, request) {
                Ok(Answer { status: 200, .. }) => return Ok(proxy),
                Ok(Answer { status, body }) => {
                    let problem = format!("status {status}: {}", String::from_utf8_lossy(&body));
                    return Err(BenchError::Answer { variant: "serve", problem });
                }
                Err(_not_yet) => {}
            }
            if let Ok(Some(exit)) = proxy.child.try_wait() {
                let told = proxy.child.stderr.take().map(std::io::read_to_string).transpose();
                let told = told.unwrap_or_default().unwrap_or_default();
                return Err(BenchError::Answer { variant: "serve", problem: format!("{exit}: {told}") });
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(BenchError::Answer { variant: "serve", problem: "no answer".to_owned() })
    }

    /// Nanoseconds of the process for these requests.
    fn block(&self, load: &mut Load, requests: usize) -> Result<u64, BenchError> {
        let worker = Worker::main(self.child.id());
        load.run(LEAD_IN).map_err(BenchError::io("ask a proxy"))?;
        thread::sleep(SETTLE);
        let before = worker.spent()?;
        load.run(requests).map_err(BenchError::io("ask a proxy"))?;
        thread::sleep(SETTLE);
        let spent = worker.spent()?.since(before);
        Ok(spent.worker.saturating_add(spent.others))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}
