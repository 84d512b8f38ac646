//! What was found, for people and for programs.

use std::{io, time::Duration};

use serde_json::{Value, json};

use crate::{
    campaign::{Findings, MAX_STEAL},
    footprint::{Footprint, Memory},
    kernel::float,
    serve::{BUDGET, Serving},
    statistics::{Estimate, Random},
    variant::{COMPARISONS, Comparison, NOISE, VARIANTS},
};

/// Everything that a run has to tell.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) seed: u64,
    pub(crate) module_bytes: u64,
    pub(crate) findings: Findings,
    pub(crate) footprint: Option<Footprint>,
    pub(crate) serving: Option<Serving>,
}

/// On what.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    /// Whether Envoy had a processor to itself.
    pub(crate) apart: bool,
    /// Load averages when the run began.
    pub(crate) load: Vec<f64>,
    pub(crate) envoy: String,
}

/// How an effect stands beside noise and budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// No budget is set.
    None,
    /// The whole interval is within the budget.
    Met,
    /// None of it is.
    Missed,
    /// The budget lies inside the interval, or the effect below the noise.
    Undecided,
}

/// Load above which nothing should be quoted: somebody else is at work.
const QUIET: f64 = 0.5;

/// Waiting above which somebody else was at work on Envoy's own processor.
const UNDISTURBED: f64 = 0.02;

// === impl Report ===

impl Report {
    /// What makes these numbers doubtful.
    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.machine.load.first().is_some_and(|load| *load > QUIET) {
            doubts.push("the machine was busy when the run began".to_owned());
        }
        if self.findings.waited > UNDISTURBED {
            let share = self.findings.waited * 100.0;
            doubts.push(format!("Envoy's worker waited for its processor for {share:.1} % of its time"));
        }
        if !self.machine.apart {
            doubts.push("there is one processor for Envoy and the load".to_owned());
        }
        if self.kept() < 30 {
            doubts.push(format!("{} cycles are too few to quote", self.kept()));
        }
        doubts
    }

    fn kept(&self) -> usize {
        self.findings.extent.cycles.saturating_sub(self.findings.dropped)
    }

    fn random(&self) -> Random {
        Random::new(self.seed)
    }

    fn floor(&self) -> f64 {
        self.findings.noise(&mut self.random()).map_or(f64::INFINITY, |noise| noise.reach())
    }

    fn difference(&self, variant: &str, baseline: &str) -> Option<Estimate> {
        self.findings.difference(variant, baseline, &mut self.random())
    }

    /// For people.
    pub(crate) fn print(&self, out: &mut impl io::Write) -> io::Result<()> {
        let Machine { processor, processors, apart: _, load, envoy } = &self.machine;
        let extent = self.findings.extent;
        writeln!(out, "Envoy {envoy}")?;
        writeln!(out, "{processors} x {processor}; load average at the start {load:?}; seed {}", self.seed)?;
        writeln!(
            out,
            "{} cycles of 2 x {} requests to each variant; {} dropped (steal above {:.0} %)",
            extent.cycles,
            extent.block,
            self.findings.dropped,
            MAX_STEAL * 100.0
        )?;
        for doubt in self.doubts() {
            writeln!(out, "NOT FOR QUOTING: {doubt}")?;
        }
        self.print_variants(out)?;
        self.print_comparisons(out)?;
        self.print_footprint(out)?;
        match &self.serving {
            Some(serving) => print_serving(serving, self.seed, out),
            None => Ok(()),
        }
    }

    fn print_variants(&self, out: &mut impl io::Write) -> io::Result<()> {
        let floor = self.floor();
        writeln!(
            out,
            "\nProcessor time of Envoy's worker for a request, microseconds (noise floor {floor:.2})"
        )?;
        writeln!(
            out,
            "  {:<15} {:>7} {:>7} {:>7}  {:<32} {:>8} {:>9}",
            "variant", "median", "Q1", "others", "difference and 95 % interval", "1/s core", "1/s wall"
        )?;
        for variant in &VARIANTS {
            let name = variant.name;
            let Some((median, quartile)) = self.findings.worker(name) else { continue };
            let others = self.findings.others(name).unwrap_or_default();
            let rate = self.findings.rate(name).unwrap_or_default();
            let added = match self.difference(name, variant.baseline) {
                Some(_) if name == variant.baseline => String::new(),
                Some(estimate) if name == NOISE => format!("{} noise", interval(&estimate)),
                Some(estimate) => told(&estimate, floor),
                None => String::new(),
            };
            let core = 1e6 / median;
            writeln!(
                out,
                "  {name:<15} {median:>7.2} {quartile:>7.2} {others:>7.2}  {added:<32} {core:>8.0} {rate:>9.0}  {}",
                variant.about
            )?;
        }
        writeln!(
            out,
            "  (differences are to `router`, of `upstream-allow` to `upstream`, of `mcp-...` to `mcp-router`; others: \
             Envoy's other threads)"
        )
    }

    fn print_comparisons(&self, out: &mut impl io::Write) -> io::Result<()> {
        let floor = self.floor();
        writeln!(out, "\nWhat it means")?;
        for comparison in &COMPARISONS {
            let Comparison { variant, baseline, says, budget } = comparison;
            let Some(estimate) = self.difference(variant, baseline) else { continue };
            let verdict = Verdict::of(&estimate, floor, *budget).word();
            let pair = format!("{variant} - {baseline}");
            writeln!(out, "  {pair:<26} {:<32} {says} {verdict}", told(&estimate, floor))?;
        }
        Ok(())
    }

    fn print_footprint(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(out, "\nModule: {:.2} MiB", mebibytes(self.module_bytes))?;
        let Some(Footprint { memory, start }) = &self.footprint else { return Ok(()) };
        for memory in memory {
            writeln!(
                out,
                "Resident memory, {} worker(s): {:.1} MiB without the plugin, {:.1} MiB with it, {:+.1} MiB",
                memory.workers,
                mebibytes(memory.plain.saturating_mul(1024)),
                mebibytes(memory.plugin.saturating_mul(1024)),
                mebibytes(memory.plugin.saturating_mul(1024)) - mebibytes(memory.plain.saturating_mul(1024)),
            )?;
        }
        if let [one, two] = memory.as_slice() {
            let more = |of: fn(&Memory) -> u64| of(two).saturating_sub(of(one));
            let added = more(|memory| memory.plugin).saturating_sub(more(|memory| memory.plain));
            writeln!(
                out,
                "A further worker takes {:.1} MiB more with the plugin",
                mebibytes(added.saturating_mul(1024))
            )?;
        }
        writeln!(
            out,
            "From the start of Envoy to the first answer: {} ms without the plugin, {} ms with it (processor time of \
             all threads: {} ms, {} ms); the second decision took {:.1} ms",
            start.plain.as_millis(),
            start.plugin.as_millis(),
            start.plain_work.as_millis(),
            start.plugin_work.as_millis(),
            millis(start.second)
        )
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let floor = self.floor();
        let difference = |variant: &str, baseline: &str| {
            self.difference(variant, baseline).map(|estimate| {
                json!({
                    "to": baseline,
                    "median": estimate.median,
                    "low": estimate.low,
                    "high": estimate.high,
                    "above_noise": estimate.median.abs() > floor,
                })
            })
        };
        let variants = VARIANTS.iter().filter_map(|variant| {
            let name = variant.name;
            let (median, quartile) = self.findings.worker(name)?;
            Some(json!({
                "name": name,
                "about": variant.about,
                "worker_us": { "median": median, "lower_quartile": quartile },
                "other_threads_us": self.findings.others(name),
                "requests_per_second": { "core": 1e6 / median, "wall": self.findings.rate(name) },
                "difference_us": difference(name, variant.baseline),
            }))
        });
        let comparisons = COMPARISONS.iter().filter_map(|comparison| {
            let estimate = self.difference(comparison.variant, comparison.baseline)?;
            let verdict = match Verdict::of(&estimate, floor, comparison.budget) {
                Verdict::None => Value::Null,
                Verdict::Met => "met".into(),
                Verdict::Missed => "missed".into(),
                Verdict::Undecided => "undecided".into(),
            };
            Some(json!({
                "variant": comparison.variant,
                "says": comparison.says,
                "budget_us": comparison.budget,
                "verdict": verdict,
                "difference_us": difference(comparison.variant, comparison.baseline),
            }))
        });
        json!({
            "version": 1,
            "machine": {
                "processor": self.machine.processor,
                "processors": self.machine.processors,
                "load_average": self.machine.load,
                "envoy": self.machine.envoy,
            },
            "seed": self.seed,
            "cycles": {
                "measured": self.findings.extent.cycles,
                "dropped": self.findings.dropped,
                "requests_per_block": self.findings.extent.block,
            },
            "worker_waited": self.findings.waited,
            "doubts": self.doubts(),
            "noise_floor_us": floor,
            "variants": variants.collect::<Vec<_>>(),
            "comparisons": comparisons.collect::<Vec<_>>(),
            "module_bytes": self.module_bytes,
            "serve": self.serving.as_ref().and_then(|serving| {
                let (plain, served) = serving.medians()?;
                let added = serving.added(&mut self.random())?;
                Some(json!({
                    "pass_through_us": plain,
                    "serve_us": served,
                    "added_us": { "median": added.median, "low": added.low, "high": added.high },
                    "noise_floor_us": serving.noise(&mut self.random())?.reach(),
                    "budget_us": BUDGET,
                }))
            }),
            "memory": self.footprint.as_ref().map(|footprint| footprint.memory.iter().map(|memory| json!({
                "workers": memory.workers,
                "plain_kib": memory.plain,
                "plugin_kib": memory.plugin,
            })).collect::<Vec<_>>()),
            "start_ms": self.footprint.as_ref().map(|footprint| json!({
                "plain": millis(footprint.start.plain),
                "plugin": millis(footprint.start.plugin),
                "plain_work": millis(footprint.start.plain_work),
                "plugin_work": millis(footprint.start.plugin_work),
                "second_decision": millis(footprint.start.second),
            })),
        })
    }
}

/// What `actgate serve` adds to a proxy that only passes on.
pub(crate) fn print_serving(serving: &Serving, seed: u64, out: &mut impl io::Write) -> io::Result<()> {
    let mut random = Random::new(seed);
    let noise = serving.noise(&mut random);
    let (Some(added), Some((plain, served))) = (serving.added(&mut random), serving.medians()) else {
        return Ok(());
    };
    let floor = noise.as_ref().map_or(f64::INFINITY, Estimate::reach);
    let verdict = Verdict::of(&added, floor, Some(BUDGET)).word();
    writeln!(
        out,
        "\nactgate serve, processor time of the whole process for a request, microseconds (noise floor {floor:.2}, \
         {} cycles dropped)",
        serving.dropped
    )?;
    writeln!(out, "  {plain:.2} passed on, {served:.2} served")?;
    writeln!(
        out,
        "  {:<26} {:<32} at most {BUDGET:.0}: {verdict}",
        "serve - pass-through",
        told(&added, floor)
    )
}

// === impl Verdict ===

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Met => "MET",
            Self::Missed => "MISSED",
            Self::Undecided => "UNDECIDED",
        }
    }

    fn of(estimate: &Estimate, floor: f64, budget: Option<f64>) -> Self {
        match budget {
            None => Self::None,
            // A budget of nothing against a difference that noise explains is kept, not missed.
            Some(budget) if estimate.high <= budget.max(floor) => Self::Met,
            Some(budget) if estimate.low > budget.max(floor) => Self::Missed,
            Some(_) => Self::Undecided,
        }
    }
}

/// An effect with its interval, or that there is none to be told.
fn told(estimate: &Estimate, floor: f64) -> String {
    if estimate.median.abs() > floor {
        interval(estimate)
    } else {
        format!("{:+.2} is below the noise", estimate.median)
    }
}

fn interval(estimate: &Estimate) -> String {
    format!("{:+.2} [{:+.2}, {:+.2}]", estimate.median, estimate.low, estimate.high)
}

fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / 1024.0 / 1024.0
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests;
