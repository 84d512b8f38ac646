//! The `actgate-control` command.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use actgate_control::{app::App, clock::Clock, config::Config, grant::GrantKey, store::Store};
use clap::{Args, Parser, Subcommand};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Approvals: the service that gateways ask, and the console in which people answer.
#[derive(Debug, Parser)]
#[command(name = "actgate-control", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the console
    #[command(after_help = "\
Stores in SQLite, in the state folder; in PostgreSQL where DATABASE_URL names one.
Example: actgate-control serve --config demo/control.yaml --dev-login")]
    Serve(Serve),
    /// Make the key that grants are signed with, where it is missing, and print its public half
    ///
    /// The output is the key set that `approvals.key` in actgate.yaml names.
    Keygen(ConfigArgs),
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration (control.yaml)
    #[arg(long, value_name = "CONFIG")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:10100")]
    listen: SocketAddr,
    /// Where people reach the console, instead of what the configuration says
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Let the configuration's people sign in by name, without a password: on this machine only
    #[arg(long)]
    dev_login: bool,
    /// PostgreSQL, as postgres://user@host/database
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            say_error(&reason);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::Keygen(ConfigArgs { config }) => {
            let key = grant_key(&read(&config)?)?;
            say(&key.public_set().to_string());
            Ok(())
        }
        Command::Serve(serve) => {
            let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
            runtime.block_on(serve.run())
        }
    }
}

// === impl Serve ===

impl Serve {
    async fn run(self) -> Result<(), String> {
        let Self { config: ConfigArgs { config }, listen, public_url, dev_login, database_url } = self;
        if dev_login && !listen.ip().is_loopback() {
            return Err(format!(
                "--dev-login lets anybody approve who reaches {listen}: it needs a loopback address"
            ));
        }
        let mut config = read(&config)?;
        if let Some(url) = public_url {
            config = config.at(url)?;
        }
        let key = grant_key(&config)?;
        let store = match database_url {
            Some(url) => Store::postgres(&url).await.map_err(|error| format!("PostgreSQL: {error}"))?,
            None => {
                let file = config.state.join("control.db");
                Store::sqlite(&file).await.map_err(|error| format!("{}: {error}", file.display()))?
            }
        };
        let listener =
            TcpListener::bind(listen).await.map_err(|error| format!("listen on {listen}: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let app =
            App::new(config, store, key, Clock::System, dev_login).map_err(|error| error.to_string())?;
        say(&format!("listening on http://{address}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Arc::new(app).serve(listener, stop).await.map_err(|error| error.to_string())
    }
}

fn read(path: &Path) -> Result<Config, String> {
    Config::read(path).map_err(|error| error.to_string())
}

/// The key in the state folder.
fn grant_key(config: &Config) -> Result<GrantKey, String> {
    let path = config.state.join("grant-key.pem");
    GrantKey::in_file(&path).map_err(|error| format!("{}: {error}", path.display()))
}

#[expect(clippy::print_stdout, reason = "the output of a command")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "why a command failed")]
fn say_error(reason: &str) {
    eprintln!("error: {reason}");
}
