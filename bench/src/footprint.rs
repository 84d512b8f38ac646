//! What the plugin takes besides processor time: memory, and time until the first decision.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    bootstrap::Parts,
    envoy::{Envoy, Launch, free_addresses},
    error::BenchError,
    kernel::{Processors, Worker, resident_kib},
    load::{Answer, Load},
    variant::Chain,
};

/// Connections enough that the kernel gives some to every worker.
const CONNECTIONS: usize = 32;

/// Requests until memory is looked at: a worker's heap has then found its size.
const REQUESTS: usize = 4000;

/// One Envoy's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) workers: u32,
    /// Resident KiB after traffic, without the plugin.
    pub(crate) plain: u64,
    /// With it.
    pub(crate) plugin: u64,
}

/// From the start of Envoy to its first decisions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// Until a plain router answers.
    pub(crate) plain: Duration,
    /// Until the plugin's first decision is answered.
    pub(crate) plugin: Duration,
    /// What all threads of Envoy have worked until then, without the plugin: whatever else the machine does.
    pub(crate) plain_work: Duration,
    /// And with it.
    pub(crate) plugin_work: Duration,
    /// How long the second decision took.
    pub(crate) second: Duration,
}

/// Everything that is not processor time.
#[derive(Debug)]
pub(crate) struct Footprint {
    pub(crate) memory: Vec<Memory>,
    pub(crate) start: Start,
}

/// What one short-lived Envoy showed.
#[derive(Debug, Clone, Copy)]
struct Glimpse {
    resident: u64,
    first: Duration,
    work: Duration,
    second: Duration,
}

/// Starts Envoys with and without the plugin, and looks at them.
pub(crate) fn look(
    parts: &Parts,
    program: &Path,
    folder: &Path,
    processors: Processors,
    request: &[u8],
) -> Result<Footprint, BenchError> {
    let glimpse = |chain, workers| {
        let launch = Launch { program, folder, workers, processors };
        glimpse(parts, &launch, chain, request)
    };
    let (plain, plugin) = (glimpse(Chain::Router, 1)?, glimpse(Chain::Actgate, 1)?);
    let (plain_two, plugin_two) = (glimpse(Chain::Router, 2)?, glimpse(Chain::Actgate, 2)?);
    Ok(Footprint {
        memory: vec![
            Memory { workers: 1, plain: plain.resident, plugin: plugin.resident },
            Memory { workers: 2, plain: plain_two.resident, plugin: plugin_two.resident },
        ],
        start: Start {
            plain: plain.first,
            plugin: plugin.first,
            plain_work: plain.work,
            plugin_work: plugin.work,
            second: plugin.second,
        },
    })
}

fn glimpse(parts: &Parts, launch: &Launch<'_>, chain: Chain, request: &[u8]) -> Result<Glimpse, BenchError> {
    let failed =
        |error: std::io::Error| BenchError::Answer { variant: chain.name(), problem: error.to_string() };
    let address = free_addresses(1)?.pop().ok_or(BenchError::Unmeasurable("a free port"))?;
    let mut envoy = Envoy::start(launch, &parts.bootstrap(&[(chain, address)])?)?;
    let first = envoy.await_answer(address, request, 200)?;
    let spent = Worker::main(envoy.pid()).spent()?;
    let work = Duration::from_nanos(spent.worker.saturating_add(spent.others));
    let start = Instant::now();
    Answer::to(address, request).map_err(failed)?;
    let second = start.elapsed();
    let mut load = Load::open(address, CONNECTIONS, vec![request.to_vec()], 200).map_err(failed)?;
    load.run(REQUESTS).map_err(failed)?;
    let resident =
        resident_kib(envoy.pid()).ok_or(BenchError::Unmeasurable("the memory of a process (VmRSS)"))?;
    Ok(Glimpse { resident, first, work, second })
}
