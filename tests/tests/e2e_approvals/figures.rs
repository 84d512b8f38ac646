//! What approvals cost, through the gate: by hand, `cargo nextest run -p actgate-tests --test e2e_approvals figures --run-ignored only
//! --no-capture`.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    postgres::Cluster,
    stage::{BOB, Payment, Stage},
};

const CALLS: usize = 300;

/// Payments that nobody has to approve.
fn small(number: usize) -> Payment {
    Payment {
        body: r#"{"amount": 5, "to": "landlord", "pin": "canary-4711"}"#.to_owned(),
        ..numbered(number)
    }
}

fn numbered(number: usize) -> Payment {
    Payment::usual().with_header("x-tenant", &format!("tenant-{number}"))
}

/// User and system time of a process in clock ticks of 10 ms (proc_pid_stat(5)).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum()
}

fn spread(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    eprintln!("{what}: p50 {:?}, p99 {:?} of {}", at(50), at(99), times.len());
}

async fn measure(name: &str, stage: &Stage) {
    let pid = stage.gateway.pid();
    let mut allowed = Vec::new();
    let before = ticks(pid);
    for number in 0..CALLS {
        let start = Instant::now();
        assert_eq!(stage.send(&small(number)).await.status, 200);
        allowed.push(start.elapsed());
    }
    let plain = ticks(pid) - before;
    let (mut held, mut ids) = (Vec::new(), Vec::new());
    for number in 0..CALLS {
        let start = Instant::now();
        ids.push(stage.held(&numbered(number)).await);
        held.push(start.elapsed());
    }
    for id in &ids {
        stage.approve(BOB, id).await;
    }
    let mut approved = Vec::new();
    let before = ticks(pid);
    for number in 0..CALLS {
        let start = Instant::now();
        assert_eq!(stage.send(&numbered(number)).await.status, 200);
        approved.push(start.elapsed());
    }
    let used = ticks(pid) - before;
    spread(&format!("{name}, permitted"), allowed);
    spread(&format!("{name}, held"), held);
    spread(&format!("{name}, approved"), approved);
    let each = |ticks: u64| ticks * 10_000 / u64::try_from(CALLS).expect("a number");
    eprintln!("{name}: Envoy's CPU per call, permitted {} us, approved {} us", each(plain), each(used));
    eprintln!("load: {}", fs::read_to_string("/proc/loadavg").expect("a load").trim());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures, not a test"]
async fn what_approvals_cost() {
    let many = |text: String| format!("{text}\nlimits: {{ pending_per_actor: 1000 }}\n");
    let Some(stage) = Stage::with(many).await else { return };
    measure("SQLite", &stage).await;
    drop(stage);
    let Some(database) = Cluster::start().await else { return };
    let url = database.database("figures").await;
    let Some(stage) = Stage::over(url, many).await else { return };
    measure("PostgreSQL", &stage).await;
}
