//! `actgate-demo`: the demo world from the command line, for `make up`, `make down` and `make run`.

use std::{
    env,
    io::{self, IsTerminal, Write as _},
    process::ExitCode,
    time::Duration,
};

use actgate_demo::{
    error::DemoError,
    gateway::Kind,
    layout::Layout,
    session::{self, Report},
    world::{Ports, World},
};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Real servers behind a real Envoy with the plugin.
#[derive(Debug, Parser)]
#[command(name = "actgate-demo")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything, return when it is ready, and leave it running.
    Up {
        /// What stands before the tools.
        #[arg(long, value_enum, default_value_t)]
        gateway: Kind,
    },
    /// End what `up` left running.
    Down,
    /// Start everything, play the agent session, and stay until Ctrl-C.
    Run {
        /// End after the session; fail if any step did not go as it should.
        #[arg(long)]
        once: bool,
        /// What stands before the tools.
        #[arg(long, value_enum, default_value_t)]
        gateway: Kind,
    },
}

type Terminal = Report<io::Stdout>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    match runtime.block_on(interruptible(arguments.command)) {
        Ok(code) => code,
        Err(error) => failed(&error.to_string()),
    }
}

/// Runs a command until it is done or a signal comes. Being dropped, it ends every server that it started.
async fn interruptible(command: Command) -> Result<ExitCode, DemoError> {
    let mut signals = Signals::listen()?;
    let stdout = io::stdout();
    let colours = stdout.is_terminal() && env::var_os("NO_COLOR").is_none();
    let mut report = Report::new(stdout, colours);
    let here = env::current_dir()
        .map_err(|source| DemoError::Io { doing: "find this folder".to_owned(), source })?;
    let layout = Layout::find(&here)?;
    let started = async {
        match command {
            Command::Up { gateway } => {
                up(&layout, gateway, &mut report).await.map(|()| Stage::Done(ExitCode::SUCCESS))
            }
            Command::Down => down(&layout, &mut report).await.map(|()| Stage::Done(ExitCode::SUCCESS)),
            Command::Run { once, gateway } => run(&layout, gateway, &mut report, once).await,
        }
    };
    let stage = tokio::select! {
        stage = started => stage?,
        () = signals.next() => return Ok(INTERRUPTED.into()),
    };
    match stage {
        Stage::Done(code) => Ok(code),
        Stage::Staying(mut world) => {
            tokio::select! {
                () = signals.next() => {}
                server = first_to_end(&mut world) => report.line(&format!("{} ended by itself.", server?))?,
            }
            report.line("")?;
            report.progress("ending the servers")?;
            world.stop().await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What a shell makes of a program that ended by SIGINT.
const INTERRUPTED: u8 = 130;

enum Stage {
    Done(ExitCode),
    Staying(Box<World>),
}

async fn up(layout: &Layout, kind: Kind, report: &mut Terminal) -> Result<(), DemoError> {
    let world = start(layout, kind, report).await?;
    let gateway = world.gateway().address();
    world.leave_running();
    report.line(&format!("The gateway is at http://{gateway}; source .run/env for all addresses."))
}

async fn down(layout: &Layout, report: &mut Terminal) -> Result<(), DemoError> {
    let ended = World::end(layout).await?;
    for record in &ended {
        report.line(&format!("ended {record}"))?;
    }
    if ended.is_empty() { report.line("nothing was running") } else { Ok(()) }
}

async fn run(layout: &Layout, kind: Kind, report: &mut Terminal, once: bool) -> Result<Stage, DemoError> {
    let world = start(layout, kind, report).await?;
    let wrong = session::play(&world, report, !once && io::stdin().is_terminal()).await?;
    if once {
        world.stop().await?;
        return Ok(Stage::Done(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }));
    }
    try_by_hand(&world, report).await?;
    Ok(Stage::Staying(Box::new(world)))
}

async fn start(layout: &Layout, kind: Kind, report: &mut Terminal) -> Result<World, DemoError> {
    let running = World::running(layout)?;
    if !running.is_empty() {
        let servers: Vec<String> = running.iter().map(ToString::to_string).collect();
        return Err(DemoError::Running { servers: servers.join(", ") });
    }
    let ports = Ports::from_environment(kind)?;
    // Progress is for people; a terminal that went away is no reason to stop.
    World::start(layout, kind, ports, |text| if let Err(_unseen) = report.progress(text) {}).await
}

async fn try_by_hand(world: &World, report: &mut Terminal) -> Result<(), DemoError> {
    let token = world.actgate().token("spiffe://demo/agent/coder", "alice@demo", &["--ttl", "1h"]).await?;
    let gateway = world.gateway().address();
    report.heading("By hand")?;
    report.line(&format!("    gateway  http://{gateway}"))?;
    if let Some(admin) = world.gateway().admin() {
        report.line(&format!("    Envoy    http://{admin}"))?;
    }
    report.line(&format!("    console  http://{} (sign in as Bob or Carol)", world.control().address()))?;
    report.line("    ledger   .run/ledger.jsonl")?;
    report.line("    shell    . .run/env")?;
    report.line("\n    As alice's coder, for an hour:\n")?;
    report.line(&format!("TOKEN='{token}'"))?;
    report.line(&format!(
        "curl -i -H \"Authorization: Bearer $TOKEN\" http://{gateway}/secrets/v1/kv/dev/db"
    ))?;
    report.line(&format!(
        "git -c \"http.extraHeader=Authorization: Bearer $TOKEN\" clone http://{gateway}/git/payments.git"
    ))?;
    report.line(&format!(
        ".run/debian/bin/skopeo --insecure-policy copy --dest-tls-verify=false --dest-registry-token \"$TOKEN\" \
         oci:.run/registry/images:release-2 docker://{gateway}/payments:staging"
    ))?;
    report.line("\n    Ctrl-C ends everything.")
}

/// The first server that ends although nobody asked it to.
async fn first_to_end(world: &mut World) -> Result<&'static str, DemoError> {
    loop {
        if let Some(server) = world.ended()? {
            return Ok(server);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The signals that ask a program to end.
struct Signals([tokio::signal::unix::Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, DemoError> {
        let listen = |kind| {
            signal(kind).map_err(|source| DemoError::Io { doing: "listen to signals".to_owned(), source })
        };
        Ok(Self([
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let Self([interrupt, terminate, hangup]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

fn failed(message: &str) -> ExitCode {
    // Nobody is left to tell where standard error is closed.
    if let Err(_unseen) = writeln!(io::stderr(), "actgate-demo: {message}") {}
    ExitCode::FAILURE
}
