//! What the plugin costs inside a real Envoy, beside Envoy's own filters, with the noise told. docs/performance.md says
//! what is measured and how to read it.

mod bootstrap;
mod campaign;
mod envoy;
mod error;
mod footprint;
mod kernel;
mod load;
mod progress;
mod report;
mod serve;
mod statistics;
mod taker;
mod tokens;
mod upstream;
mod variant;

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::UNIX_EPOCH,
};

use actgate_demo::layout::Layout;
use clap::{Parser, ValueEnum};

use crate::{
    bootstrap::{Parts, Places},
    campaign::{Extent, Lane},
    envoy::{Envoy, Launch, free_addresses},
    error::BenchError,
    kernel::Processors,
    load::Answer,
    report::{Machine, Report},
    serve::{Programs, Question, Serving},
    statistics::Random,
    tokens::Signer,
    variant::{Chain, VARIANTS},
};

/// Measure what the plugin costs inside a real Envoy
///
/// Needs `make setup` and `make wasm`. Takes about five minutes; nothing else should run meanwhile.
#[derive(Debug, Parser)]
#[command(name = "actgate-bench", after_help = "Exit codes: 0 measured, 2 it could not be.")]
struct Arguments {
    /// A few small blocks: whether it works, not what it says
    #[arg(long)]
    quick: bool,
    /// How many cycles; each measures every variant twice
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(2..))]
    cycles: Option<u16>,
    /// How many requests a block has
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(100..))]
    requests: Option<u16>,
    /// Repeat the order of another run
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Leave out memory and start-up, which take Envoys of their own
    #[arg(long)]
    no_footprint: bool,
    /// Leave out `actgate serve`
    #[arg(long)]
    no_serve: bool,
    /// Nothing but `actgate serve`
    #[arg(long, conflicts_with_all = ["no_serve", "save", "format"])]
    serve: bool,
    /// Another plugin than target/actgate.wasm, such as an older one to compare with
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Also write the result as JSON into a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The form of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Cycles and requests of a full run: an interval of about a tenth of a microsecond on a quiet machine.
const FULL: Extent = Extent { cycles: 40, block: 4000 };
/// Enough to see that everything answers as it should.
const QUICK: Extent = Extent { cycles: 3, block: 500 };

/// How often Envoy is started anew: another program may have taken a port that was free.
const ATTEMPTS: usize = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = if arguments.serve { measure_serve(&arguments) } else { measure_all(&arguments) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::complain(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn measure_all(arguments: &Arguments) -> Result<(), BenchError> {
    show(&measure(arguments)?, arguments).map_err(BenchError::io("print the result"))
}

/// `actgate serve` alone: no Envoy is needed.
fn measure_serve(arguments: &Arguments) -> Result<(), BenchError> {
    let bench = Bench::of(arguments)?;
    let load = kernel::load_average();
    let mut random = Random::new(bench.seed);
    let serving = bench.serving(&bench.signer.mint()?, &mut random)?;
    let mut out = io::stdout().lock();
    writeln!(out, "load average at the start {load:?}; seed {}", bench.seed)
        .and_then(|()| report::print_serving(&serving, bench.seed, &mut out))
        .map_err(BenchError::io("print the result"))
}

/// What every measurement needs.
struct Bench {
    layout: Layout,
    plugin: PathBuf,
    extent: Extent,
    seed: u64,
    folder: tempfile::TempDir,
    processors: Processors,
    signer: Signer,
    upstream: SocketAddr,
    taker: SocketAddr,
}

// === impl Bench ===

impl Bench {
    fn of(arguments: &Arguments) -> Result<Self, BenchError> {
        let here = env::current_dir().map_err(BenchError::io("find the current folder"))?;
        let layout = Layout::find(&here)?;
        let plugin = match &arguments.plugin {
            Some(plugin) => plugin.clone(),
            None => layout.plugin()?,
        };
        let usual = if arguments.quick { QUICK } else { FULL };
        let extent = Extent {
            cycles: arguments.cycles.map_or(usual.cycles, usize::from),
            block: arguments.requests.map_or(usual.block, usize::from),
        };
        let folder = tempfile::tempdir().map_err(BenchError::io("make a folder"))?;
        let processors = Processors::choose()?;
        kernel::bind(processors.load)?;
        let signer = Signer::of(&layout.config())?;
        let upstream = upstream::start().map_err(BenchError::io("start the upstream"))?;
        let taker = taker::start().map_err(BenchError::io("start the taker"))?;
        let seed = arguments.seed.unwrap_or_else(clock);
        Ok(Self { layout, plugin, extent, seed, folder, processors, signer, upstream, taker })
    }

    fn serving(&self, token: &str, random: &mut Random) -> Result<Serving, BenchError> {
        let target = self.layout.config();
        let target = target.parent().and_then(Path::parent).unwrap_or_else(|| Path::new("")).join("target");
        let question = Question {
            config: &self.layout.config(),
            plugin: &self.plugin,
            folder: self.folder.path(),
            upstream: self.upstream,
            taker: self.taker,
            request: &variant::permitted(token),
        };
        serve::look(&Programs::find(&target)?, &question, self.processors, self.extent, random)
    }
}

fn measure(arguments: &Arguments) -> Result<Report, BenchError> {
    let load = kernel::load_average();
    let count = thread::available_parallelism().map_or(1, usize::from);
    let bench = Bench::of(arguments)?;
    let Bench { layout, plugin, extent, seed, folder, processors, signer, upstream, taker } = &bench;
    let (extent, seed, processors) = (*extent, *seed, *processors);
    let module_bytes =
        fs::metadata(plugin).map_err(BenchError::io(format!("look at `{}`", plugin.display())))?.len();
    let mut random = Random::new(seed);
    let warm = signer.mint()?;
    let places = Places {
        template: layout.envoy_template(),
        plugin: plugin.clone(),
        folder: folder.path().to_owned(),
        upstream: *upstream,
        taker: *taker,
    };
    let parts = Parts::new(&places, &layout.config(), signer)?;

    progress::show("starting Envoy");
    let program = layout.envoy()?;
    let launch = Launch { program: &program, folder: folder.path(), workers: 1, processors };
    let (envoy, addresses) = start(&parts, &launch, &warm)?;
    check_tools(&addresses, &warm)?;
    // The program on the path may be a script: what is timed is Envoy itself.
    let program = envoy.program().unwrap_or_else(|| program.clone());
    let lanes = VARIANTS
        .iter()
        .map(|variant| {
            let address = addresses.get(&variant.chain).copied();
            let address = address.ok_or(BenchError::Unmeasurable("where a listener is"))?;
            Lane::open(variant, address, variant.requests(signer, &warm)?, extent)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let findings = campaign::run(lanes, &envoy.worker()?, extent, &mut random)?;
    drop(envoy);

    let footprint = if arguments.no_footprint {
        None
    } else {
        progress::show("memory and start-up");
        let request = variant::permitted(&warm);
        Some(footprint::look(&parts, &program, folder.path(), processors, &request)?)
    };
    let serving = if arguments.no_serve { None } else { Some(bench.serving(&warm, &mut random)?) };
    progress::clear();
    let machine = Machine {
        processor: kernel::processor_model(),
        processors: count,
        apart: processors.apart(),
        load,
        envoy: envoy::version(&program),
    };
    Ok(Report { machine, seed, module_bytes, findings, footprint, serving })
}

/// An Envoy with all chains, each answering the permitted request.
fn start(
    parts: &Parts,
    launch: &Launch<'_>,
    token: &str,
) -> Result<(Envoy, BTreeMap<Chain, SocketAddr>), BenchError> {
    let mut attempt = 1usize;
    loop {
        let listeners: BTreeMap<Chain, SocketAddr> =
            Chain::ALL.into_iter().zip(free_addresses(Chain::ALL.len())?).collect();
        let list: Vec<(Chain, SocketAddr)> =
            listeners.iter().map(|(chain, address)| (*chain, *address)).collect();
        let mut envoy = Envoy::start(launch, &parts.bootstrap(&list)?)?;
        let ready = listeners.iter().try_for_each(|(chain, address)| {
            envoy.await_answer(*address, &chain.probe(token), 200).map(drop)
        });
        match ready {
            Ok(()) => return Ok((envoy, listeners)),
            Err(_) if attempt < ATTEMPTS => attempt = attempt.saturating_add(1),
            Err(error) => return Err(error),
        }
    }
}

/// Filters that let everything through are cheap: each has to refuse another tool than the one that is measured.
fn check_tools(addresses: &BTreeMap<Chain, SocketAddr>, token: &str) -> Result<(), BenchError> {
    for (chain, status, told) in
        [(Chain::McpNative, 403, "RBAC: access denied"), (Chain::McpActgate, 200, "policy_denied")]
    {
        let address =
            addresses.get(&chain).copied().ok_or(BenchError::Unmeasurable("where a listener is"))?;
        let answer = Answer::to(address, &variant::tool_call(variant::DENIED_TOOL, token));
        let answer = answer.map_err(BenchError::io(format!("ask `{}`", chain.name())))?;
        let body = String::from_utf8_lossy(&answer.body);
        if answer.status != status || !body.contains(told) {
            let problem = format!("another tool is not refused: status {}, {body}", answer.status);
            return Err(BenchError::Answer { variant: chain.name(), problem });
        }
    }
    Ok(())
}

fn show(report: &Report, arguments: &Arguments) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match arguments.format {
        Format::Text => report.print(&mut out)?,
        Format::Json => writeln!(out, "{:#}", report.json())?,
    }
    out.flush()?;
    match &arguments.save {
        Some(file) => fs::write(file, format!("{:#}\n", report.json())),
        None => Ok(()),
    }
}

/// Any number that differs from run to run.
fn clock() -> u64 {
    UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs())
}
