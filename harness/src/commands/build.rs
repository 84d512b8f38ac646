//! `actgate build`

use std::io::{self, Write as _};
use std::path::PathBuf;

use actgate_harness::{
    check::{UnruledRoutes, check},
    ecds,
};
use clap::{Args, ValueEnum};

use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Print the bundle that the plugin is configured with
///
/// Checks first, as `actgate check` does, and prints nothing where that fails. The same files always make the
/// same bytes. Key sets are inlined; the bundle holds no secrets.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: actgate build demo/actgate.yaml > bundle.json
Example: actgate build demo/actgate.yaml --format ecds > new && mv new /etc/envoy/actgate.ecds.json

Exit codes: 0 fine, 1 the Envoy configuration disagrees with the services, 2 a file is wrong.")]
pub(crate) struct BuildArgs {
    /// The configuration (actgate.yaml)
    #[arg(value_name = "CONFIG", env = "ACTGATE_CONFIG")]
    config: PathBuf,
    /// The form of the bundle
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Where Envoy finds the plugin, for forms that name it
    #[arg(long, value_name = "PATH", default_value = "/etc/envoy/actgate.wasm")]
    module: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The bundle itself
    Json,
    /// A discovery response with the plugin and the bundle, for `config_discovery` of an HTTP filter
    Ecds,
    #[value(hide = true)]
    Istio,
    #[value(hide = true)]
    EnvoyGateway,
}

pub(crate) fn build(args: &BuildArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    match args.format {
        Format::Json | Format::Ecds => {}
        Format::Istio | Format::EnvoyGateway => {
            terminal.fail("this format is not there yet; `--format json` is the plugin's configuration")?;
            return Ok(ExitCode::BadInput);
        }
    }
    let checked = match check(&args.config, UnruledRoutes::Warn) {
        Ok(checked) => checked,
        Err(findings) => {
            terminal.complain(&findings)?;
            return Ok(ExitCode::BadInput);
        }
    };
    terminal.complain(&checked.findings)?;
    if !checked.passed() {
        return Ok(ExitCode::CheckFailed);
    }
    let bundle = checked.source.bundle();
    match args.format {
        Format::Ecds => serde_json::to_writer(&mut terminal.out, &ecds::response(bundle, &args.module)?)?,
        Format::Json | Format::Istio | Format::EnvoyGateway => {
            serde_json::to_writer(&mut terminal.out, bundle)?
        }
    }
    writeln!(terminal.out)?;
    Ok(ExitCode::Fine)
}
