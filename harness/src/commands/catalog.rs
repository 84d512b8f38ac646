//! `actgate catalog`

mod client;

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use actgate_harness::starting_point::StartingPoint;
use clap::{Args, Subcommand};

use self::client::Client;
use crate::exit::ExitCode;
use crate::terminal::Terminal;

/// Write the catalog of a server for you to review
#[derive(Debug, Args)]
#[command(
    after_help = "Example: actgate catalog from-mcp http://127.0.0.1:3000/mcp --service files --out policies/files"
)]
pub(crate) struct CatalogArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    FromMcp(FromMcp),
}

/// Read what an MCP server lists, and write a catalog and a schema of it
///
/// The pack is a starting point: every effect says TODO, which `actgate check` refuses until you have stated it, and the
/// digest of each definition is that of what you are about to review. Policies, entities and cases are yours to write. A
/// token for the server is read from ACTGATE_MCP_TOKEN.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: actgate catalog from-mcp http://127.0.0.1:3000/mcp --service files --out policies/files

Exit codes: 0 fine, 1 the server did not answer as it should, 2 bad input.")]
struct FromMcp {
    /// The server's endpoint
    #[arg(value_name = "URL")]
    url: String,
    /// What the service is called
    #[arg(long, value_name = "NAME")]
    service: String,
    /// The folder of the pack; it must not have a catalog yet
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

pub(crate) fn catalog(args: &CatalogArgs, terminal: &mut Terminal) -> io::Result<ExitCode> {
    let Verb::FromMcp(args) = &args.verb;
    let FromMcp { url, service, out } = args;
    let is_name = !service.is_empty()
        && service.len() <= 32
        && service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_name {
        terminal.fail(&format!("`{service}` is not 1 to 32 small letters, digits or `-`"))?;
        return Ok(ExitCode::BadInput);
    }
    let files = [out.join("catalog.yaml"), out.join("schema.cedarschema")];
    if let Some(there) = files.iter().find(|file| file.exists()) {
        terminal
            .fail(&format!("{} is there already, and nobody's review is written over", there.display()))?;
        return Ok(ExitCode::BadInput);
    }
    let listing = match Client::new(url).listing() {
        Ok(listing) => listing,
        Err(error) => {
            terminal.fail(&format!("{url}: {error}"))?;
            return Ok(ExitCode::CheckFailed);
        }
    };
    let (StartingPoint { catalog, schema }, left_out) = StartingPoint::of(service, &listing);
    let written = fs::create_dir_all(out).and_then(|()| {
        let [to_catalog, to_schema] = &files;
        fs::write(to_catalog, catalog)?;
        fs::write(to_schema, schema)
    });
    if let Err(error) = written {
        terminal.fail(&format!("{}: {error}", out.display()))?;
        return Ok(ExitCode::BadInput);
    }
    for why in left_out {
        writeln!(terminal.out, "left out: {why}")?;
    }
    writeln!(
        terminal.out,
        "{} tools, {} prompts, {} resources and {} templates are in {}\nState what says TODO, write policies, and run `actgate check`.",
        listing.tools.len(),
        listing.prompts.len(),
        listing.resources.len(),
        listing.templates.len(),
        out.display()
    )?;
    Ok(ExitCode::Fine)
}
