//! A real git before `actgate serve` before a real git server: a pack of any size goes through, and nothing of it stays.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    time::{Duration, Instant},
};

use actgate_demo::git::{self, Git};
use actgate_tests::e2e::setup::{Needs, Setup};

use crate::{
    case::Kit,
    stage::Stage,
    streams::{GROWTH, MIB, large_mib, resident},
};

/// In every run: git itself takes its time. `make test-large` takes 1 GiB.
const USUAL_MIB: usize = 32;

/// 1 GiB is pushed in a minute or two.
const LIMIT: Duration = Duration::from_secs(900);

#[tokio::test(flavor = "multi_thread")]
async fn a_large_pack_is_pushed_by_git_and_memory_stays() {
    let Some(setup) = Setup::find(Needs::Git) else { return };
    let kit = Kit::new();
    let folder = tempfile::tempdir().expect("a folder");
    let layout = setup.layout().clone().with_state(folder.path().join("state"));
    let server = Git::start(&layout).await.unwrap_or_else(|error| panic!("{error}"));
    let stage = Stage::start(&setup, kit.issuer(), server.address()).await;
    let payments = server.root().join("payments.git").display().to_string();
    let work = folder.path().join("work");
    let run = async |arguments: &[&str]| {
        let header = format!("Authorization: Bearer {}", kit.token());
        let at = if work.is_dir() { work.as_path() } else { folder.path() };
        let tool = git::tool(at, arguments.iter().copied()).limit(LIMIT);
        let tool = tool.variable("GIT_CONFIG_COUNT", "1");
        let tool =
            tool.variable("GIT_CONFIG_KEY_0", "http.extraHeader").variable("GIT_CONFIG_VALUE_0", header);
        let author = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        let tool = author.iter().fold(tool, |tool, name| tool.variable(name, "coder@demo"));
        let finished = tool.finish().await.expect("git runs");
        assert!(finished.success, "git {arguments:?}: {}", finished.stderr);
        String::from_utf8_lossy(&finished.stdout).trim().to_owned()
    };
    run(&["clone", "--quiet", "--no-local", &payments, "work"]).await;
    // Nothing of this compresses, and nobody is to try.
    run(&["config", "core.compression", "0"]).await;
    run(&["config", "core.bigFileThreshold", "1m"]).await;
    let size = u64::try_from(large_mib(USUAL_MIB) * MIB).expect("a size");
    let mut noise = File::open("/dev/urandom").expect("noise").take(size);
    io::copy(&mut noise, &mut File::create(work.join("noise")).expect("a file")).expect("a file");
    run(&["add", "."]).await;
    run(&["commit", "--quiet", "--message", "Noise"]).await;
    fs::remove_file(work.join("noise")).expect("room");
    let before = resident(stage.pid(), "VmRSS");
    let start = Instant::now();
    let url = format!("http://{}/git/payments.git", stage.address());
    run(&["push", "--quiet", &url, "HEAD:refs/heads/agent/large"]).await;
    let seconds = start.elapsed().as_secs_f64();
    let peak = resident(stage.pid(), "VmHWM");
    eprintln!("{size} bytes in {seconds:.1} s, {} KiB before, {} KiB at most", before / 1024, peak / 1024);
    let refs = server.refs("payments").await.expect("refs");
    assert_eq!(refs.get("refs/heads/agent/large"), Some(&run(&["rev-parse", "HEAD"]).await));
    assert!(peak < before + GROWTH, "{before} bytes became {peak}");
}
