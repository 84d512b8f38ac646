//! Packs of a size: they stream through or are drawn off, and Envoy does not grow.
//!
//! `ACTGATE_LARGE_MIB` says how large; `make test-large` takes 1 GiB.

use std::{env, fs, time::Instant};

use actgate_tests::e2e::verdict::{Verdicts, equal, holds};

use crate::{
    desk::Desk,
    stage::{Caller, Stage},
};

/// In every run: far more than all buffers together.
const USUAL_MIB: usize = 64;

/// What Envoy may grow by, however large the pack: its buffers, those of the sockets, and what the allocator keeps.
const GROWTH_KIB: usize = 24 * 1024;

fn size() -> usize {
    let mib = env::var("ACTGATE_LARGE_MIB").ok().map(|text| text.parse().expect("a number of MiB"));
    mib.unwrap_or(USUAL_MIB) << 20
}

/// Counts the peak from what the process is now (proc_pid_clear_refs(5)): compiling the plugin takes more than it ever
/// holds afterwards.
fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
}

/// The largest that a process has been, in KiB.
fn peak(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_of_any_size_are_pushed_or_refused_and_envoy_does_not_grow() {
    let Some(stage) = Stage::set().await else { return };
    let desk = Desk::new(&stage.world, stage.url(), stage.token(Caller::Alice)).await;
    let pid = stage.gateway.pid();
    let mut verdicts = Verdicts::default();
    // The refusal, word for word, whatever the size.
    let mut said = Vec::new();
    let mut grown = Vec::new();
    desk.commit(1024).await;
    for bytes in [1024, size()] {
        desk.commit(bytes).await;
        forget_peak(pid);
        let before = peak(pid);
        for (what, to, passes) in [
            ("held", "refs/heads/main", false),
            ("denied", "refs/tags/v2", false),
            ("permitted", "refs/heads/agent/large", true),
        ] {
            let start = Instant::now();
            let finished = desk.git(&["push", "--force", "origin", &format!("HEAD:{to}")]).await;
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("{what}: {bytes} bytes in {seconds:.1} s, Envoy's peak {} KiB", peak(pid));
            let refs = stage.world.refs().await;
            let arrived =
                refs.get(&format!("payments {to}")) == Some(&desk.succeed(&["rev-parse", "HEAD"]).await);
            let verdict = equal("whether it succeeds", finished.success, passes)
                .and_then(|()| equal("whether it arrived", arrived, passes))
                .map_err(|why| format!("{why}: {}", finished.stderr));
            verdicts.row(&format!("{what}, {bytes} bytes"), verdict);
            if !passes {
                said.push((what, without_decision(&desk.plain(&finished.stderr))));
            }
        }
        grown.push((bytes, peak(pid) - before));
    }
    for (what, text) in &said {
        let mut others = said.iter().filter(|(other, _)| other == what);
        let verdict = others.try_for_each(|(_, other)| equal("what git prints", other, text));
        verdicts.row(&format!("{what}, in the same words"), verdict);
    }
    verdicts.row("the pack is not where it was refused", equal("seeds", seeds(&stage).await, true));
    let verdict = grown
        .iter()
        .map(|(bytes, kib)| holds(*kib <= GROWTH_KIB, format!("{kib} KiB more for {bytes} bytes")));
    verdicts.row("Envoy's memory", verdict.collect());
    verdicts.conclude();
}

/// Whether what was there at first is as it was.
async fn seeds(stage: &Stage) -> bool {
    let refs = stage.world.refs().await;
    stage.world.seeds().iter().all(|(name, id)| refs.get(name) == Some(id))
}

fn without_decision(text: &str) -> String {
    let lines = text.lines().map(|line| line.split(", decision: ").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}
