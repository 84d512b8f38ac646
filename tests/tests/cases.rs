//! Every case file is a test, once per engine: `native::secrets/read-dev`, `wasm::secrets/read-dev`,
//! `envoy::secrets/read-dev`.
#![allow(clippy::expect_used, clippy::print_stderr, reason = "a failing test panics, and says so")]

use std::{path::Path, process::ExitCode, sync::Arc};

use actgate_harness::case::CaseFile;
use actgate_tests::cases::{
    artifact::{Obstacle, is_ci, obstacle},
    suite::Suite,
};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a repository");
    let suite = Arc::new(Suite::new(root));
    let files = match suite.files() {
        Ok(files) => files,
        // Not a test of its own: no filter may leave it out.
        Err(why) => {
            eprintln!("cases: {why}");
            return ExitCode::FAILURE;
        }
    };
    let obstacle = Arc::new(obstacle(root));
    let trials = files.iter().flat_map(|file| trials(&suite, file, &obstacle)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The last owner of the Envoys ends them.
    drop(suite);
    conclusion.exit_code()
}

fn trials(suite: &Arc<Suite>, file: &CaseFile, obstacle: &Arc<Option<Obstacle>>) -> [Trial; 3] {
    let (native, own) = (Arc::clone(suite), file.clone());
    [
        Trial::test(format!("native::{}", file.name), move || Ok(native.native(&own)?)),
        through("wasm", Suite::wasm, suite, file, obstacle),
        through("envoy", Suite::envoy, suite, file, obstacle),
    ]
}

/// A test that needs the plugin as it was built.
fn through(
    engine: &str,
    play: fn(&Suite, &CaseFile) -> Result<(), String>,
    suite: &Arc<Suite>,
    file: &CaseFile,
    obstacle: &Arc<Option<Obstacle>>,
) -> Trial {
    let (suite, own, obstacle) = (Arc::clone(suite), file.clone(), Arc::clone(obstacle));
    Trial::ignorable_test(format!("{engine}::{}", file.name), move || match &*obstacle {
        None => Ok(play(&suite, &own).map(|()| Completion::Completed)?),
        Some(Obstacle::Missing(what)) if !is_ci() => Ok(Completion::ignored_with(format!("SKIPPED: {what}"))),
        Some(Obstacle::Missing(what) | Obstacle::Stale(what)) => Err(Failed::from(what)),
    })
}
