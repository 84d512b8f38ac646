//! The measurement: blocks of requests to every variant in turn, in an order that is random and then reversed, so that
//! what drifts weighs on all alike.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crate::{
    error::BenchError,
    kernel::{Spent, Ticks, Worker, float, ratio},
    load::Load,
    progress,
    statistics::{Estimate, Random, quantile},
    variant::{BASELINE, NOISE, VARIANTS, Variant},
};

/// Connections to a listener: an agent's client keeps a few.
const CONNECTIONS: usize = 4;

/// Requests before anything is measured, so that every way through the plugin is compiled.
const WARM_UP: usize = 3000;

/// Requests before each block: other blocks have pushed this variant out of the processor's caches.
const LEAD_IN: usize = 100;

/// After the last answer the worker goes to sleep, which brings its own processor time up to date.
const SETTLE: Duration = Duration::from_millis(3);

/// A cycle in which the hypervisor took more than this is dropped; decided before anything was measured.
pub(crate) const MAX_STEAL: f64 = 0.01;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) cycles: usize,
    /// Requests of a block of a cheap variant; a cycle has two blocks of each variant.
    pub(crate) block: usize,
}

/// One variant with its connections.
#[derive(Debug)]
pub(crate) struct Lane {
    variant: &'static Variant,
    load: Load,
    block: usize,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) extent: Extent,
    /// By variant, as in [`VARIANTS`].
    costs: Vec<Costs>,
    pub(crate) dropped: usize,
    /// How long the worker waited for its processor while others had it, as a share of the time it ran.
    pub(crate) waited: f64,
}

/// What a request cost, cycle by cycle.
#[derive(Debug)]
struct Costs {
    name: &'static str,
    /// Microseconds of the worker.
    worker: Vec<f64>,
    /// Microseconds of all other threads of Envoy.
    others: Vec<f64>,
    /// Requests in a second of wall time, load generator included.
    rate: Vec<f64>,
}

/// What one block cost.
#[derive(Debug, Clone, Copy)]
struct Block {
    spent: Spent,
    requests: usize,
    wall: Duration,
}

/// One variant in one cycle.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    worker: u64,
    others: u64,
    requests: usize,
    wall: Duration,
}

// === impl Lane ===

impl Lane {
    /// Opens connections to the variant's listener.
    pub(crate) fn open(
        variant: &'static Variant,
        address: SocketAddr,
        requests: Vec<Vec<u8>>,
        extent: Extent,
    ) -> Result<Self, BenchError> {
        let load = Load::open(address, CONNECTIONS, requests, variant.status());
        let load = load.map_err(|error| strange(variant, &error))?;
        Ok(Self { variant, load, block: variant.block(extent.block) })
    }

    fn run(&mut self, count: usize) -> Result<(), BenchError> {
        self.load.run(count).map_err(|error| strange(self.variant, &error))
    }

    fn measure(&mut self, worker: &Worker) -> Result<Block, BenchError> {
        self.run(LEAD_IN)?;
        thread::sleep(SETTLE);
        let before = worker.spent()?;
        let start = Instant::now();
        self.run(self.block)?;
        let wall = start.elapsed();
        thread::sleep(SETTLE);
        Ok(Block { spent: worker.spent()?.since(before), requests: self.block, wall })
    }
}

fn strange(variant: &Variant, error: &io::Error) -> BenchError {
    BenchError::Answer { variant: variant.name, problem: error.to_string() }
}

/// Runs all cycles. `lanes` are in the order of [`VARIANTS`].
pub(crate) fn run(
    mut lanes: Vec<Lane>,
    worker: &Worker,
    extent: Extent,
    random: &mut Random,
) -> Result<Findings, BenchError> {
    for lane in &mut lanes {
        lane.run(lane.variant.block(WARM_UP))?;
    }
    let mut costs: Vec<Costs> = VARIANTS.iter().map(Costs::none).collect();
    let mut dropped = 0usize;
    let (mut ran, mut waited) = (0u64, 0u64);
    for cycle in 0..extent.cycles {
        progress::show(&format!("cycle {} of {}", cycle.saturating_add(1), extent.cycles));
        let ticks = Ticks::now()?;
        let mut order: Vec<usize> = (0..lanes.len()).collect();
        random.shuffle(&mut order);
        let there_and_back: Vec<usize> = order.iter().chain(order.iter().rev()).copied().collect();
        let mut sums = vec![Sum::default(); lanes.len()];
        for index in there_and_back {
            let (Some(lane), Some(sum)) = (lanes.get_mut(index), sums.get_mut(index)) else { continue };
            let block = lane.measure(worker)?;
            ran = ran.saturating_add(block.spent.worker);
            waited = waited.saturating_add(block.spent.waited);
            sum.add(&block);
        }
        if Ticks::now()?.steal_since(ticks) > MAX_STEAL {
            dropped = dropped.saturating_add(1);
            continue;
        }
        for (costs, sum) in costs.iter_mut().zip(&sums) {
            costs.take(sum);
        }
    }
    if dropped >= extent.cycles {
        return Err(BenchError::NoCycles);
    }
    Ok(Findings { extent, costs, dropped, waited: ratio(waited, ran) })
}

// === impl Sum ===

impl Sum {
    fn add(&mut self, block: &Block) {
        self.worker = self.worker.saturating_add(block.spent.worker);
        self.others = self.others.saturating_add(block.spent.others);
        self.requests = self.requests.saturating_add(block.requests);
        self.wall = self.wall.saturating_add(block.wall);
    }
}

// === impl Costs ===

impl Costs {
    fn none(variant: &Variant) -> Self {
        Self { name: variant.name, worker: Vec::new(), others: Vec::new(), rate: Vec::new() }
    }

    fn take(&mut self, sum: &Sum) {
        let requests = float(u64::try_from(sum.requests).unwrap_or_default());
        self.worker.push(float(sum.worker) / requests / 1000.0);
        self.others.push(float(sum.others) / requests / 1000.0);
        self.rate.push(requests / sum.wall.as_secs_f64());
    }
}

// === impl Findings ===

impl Findings {
    fn costs(&self, name: &str) -> Option<&Costs> {
        self.costs.iter().find(|costs| costs.name == name)
    }

    /// The worker's microseconds for a request: the median, and the quartile that the machine disturbed least.
    pub(crate) fn worker(&self, name: &str) -> Option<(f64, f64)> {
        let costs = self.costs(name)?;
        Some((quantile(&costs.worker, 0.5)?, quantile(&costs.worker, 0.25)?))
    }

    /// The microseconds of Envoy's other threads for a request.
    pub(crate) fn others(&self, name: &str) -> Option<f64> {
        quantile(&self.costs(name)?.others, 0.5)
    }

    /// Requests in a second, closed loop.
    pub(crate) fn rate(&self, name: &str) -> Option<f64> {
        quantile(&self.costs(name)?.rate, 0.5)
    }

    /// How much dearer one variant is than another: pairs of the same cycle.
    pub(crate) fn difference(&self, name: &str, baseline: &str, random: &mut Random) -> Option<Estimate> {
        let (one, other) = (self.costs(name)?, self.costs(baseline)?);
        let pairs: Vec<f64> = one.worker.iter().zip(&other.worker).map(|(one, other)| one - other).collect();
        Estimate::of(&pairs, random)
    }

    /// What two equal variants differ by.
    pub(crate) fn noise(&self, random: &mut Random) -> Option<Estimate> {
        self.difference(NOISE, BASELINE, random)
    }
}
