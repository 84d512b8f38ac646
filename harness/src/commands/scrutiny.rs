//! `actgate test --coverage` and `--mutate`: what the cases themselves are worth.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use actgate_authz::Analysis;
use actgate_harness::case::{Case, NamedCase, Origin, Suite};
use actgate_harness::coverage::Coverage;
use actgate_harness::mutation::Mutation;
use actgate_harness::places::Places;
use clap::Args;
use serde_json::{Map, Value};

use crate::terminal::Terminal;

/// What is asked of the cases.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScrutinyArgs {
    /// Say which policies never decide, which conditions are only ever true or false, and which routes no case takes
    #[arg(long)]
    coverage: bool,
    /// Fail where less than this percentage of them is tried
    #[arg(long, value_name = "PERCENT", requires = "coverage", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// Change every policy in turn (leave it out, turn it round, leave out or negate a condition), and fail where no case
    /// notices
    #[arg(long)]
    mutate: bool,
    /// With --mutate: say what no case notices, and do not fail
    #[arg(long, requires = "mutate")]
    allow_survivors: bool,
}

/// What was found out about the cases.
#[derive(Debug)]
pub(crate) struct Scrutiny {
    coverage: Option<Coverage>,
    mutation: Option<Mutation>,
    places: Places,
}

// === impl ScrutinyArgs ===

impl ScrutinyArgs {
    /// Tries the cases against their policies; what does not load is no matter of this.
    pub(crate) fn scrutinise(
        &self,
        suite: &Suite,
        cases: &[NamedCase],
        jobs: usize,
        terminal: &Terminal,
    ) -> io::Result<Scrutiny> {
        let mut coverage = self.coverage.then(Coverage::default);
        let mut mutation = self.mutate.then(Mutation::default);
        let mut origins: BTreeMap<&Origin, Vec<&Case>> = BTreeMap::new();
        for NamedCase { case, .. } in cases.iter().filter(|_| self.coverage || self.mutate) {
            origins.entry(case.origin()).or_default().push(case);
        }
        let mut line = terminal.progress();
        for (origin, cases) in origins {
            // Its cases have failed for this.
            let Ok(setup) = suite.setup(origin) else { continue };
            let Ok(analysis) = Analysis::load(setup.bundle()) else { continue };
            if let Some(coverage) = &mut coverage {
                coverage.add(&setup, &analysis, &cases);
            }
            if let Some(mutation) = &mut mutation {
                let tried = mutation.add(&setup, &analysis, &cases, jobs, &mut |step| {
                    line.show(&format!("{} of {} mutants", step.done, step.total));
                });
                // What loaded once loads again.
                tried.unwrap_or_default();
            }
        }
        line.clear()?;
        let places = Places::seen_from(&std::env::current_dir().unwrap_or_default());
        Ok(Scrutiny { coverage, mutation, places })
    }
}

// === impl Scrutiny ===

impl Scrutiny {
    /// Writes it for people, and whether it is as `args` asks for.
    pub(crate) fn write_text(&mut self, terminal: &mut Terminal) -> io::Result<()> {
        let style = terminal.out_style;
        if let Some(coverage) = &self.coverage {
            coverage.write_text(&mut *terminal.out, &mut self.places, style)?;
        }
        if let Some(mutation) = &self.mutation {
            mutation.write_text(&mut *terminal.out, &mut self.places, style)?;
        }
        terminal.out.flush()
    }

    /// The members of a JSON document.
    pub(crate) fn json(&mut self) -> Map<String, Value> {
        let mut members = Map::new();
        if let Some(coverage) = &self.coverage {
            members.insert("coverage".to_owned(), coverage.json(&mut self.places));
        }
        if let Some(mutation) = &self.mutation {
            members.insert("mutation".to_owned(), mutation.json(&mut self.places));
        }
        members
    }

    /// What keeps the cases from being enough.
    pub(crate) fn shortfalls(&mut self, args: &ScrutinyArgs) -> Vec<String> {
        let mut shortfalls = Vec::new();
        if let (Some(coverage), Some(least)) = (&self.coverage, args.min_coverage) {
            let percent = coverage.whole().percent();
            if percent < least {
                shortfalls
                    .push(format!("the coverage is {percent} %, and --min-coverage asks for {least} %"));
            }
        }
        let unexpected = self
            .mutation
            .iter()
            .filter(|_| !args.allow_survivors)
            .flat_map(|mutation| mutation.survivors(&mut self.places))
            .any(|survivor| survivor.excuse.is_none());
        if unexpected {
            shortfalls
                .push("no case notices some of the changes; --allow-survivors lets them pass".to_owned());
        }
        shortfalls
    }
}
