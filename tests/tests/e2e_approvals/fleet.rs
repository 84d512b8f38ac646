//! Two gateways and two replicas of the approval service over one PostgreSQL.

use std::{env, sync::Arc, time::Instant};

use actgate_demo::{
    control::{Control, ControlConfig, ControlOptions},
    recorder::{Recorder, Script},
};
use actgate_tests::e2e::{
    gateway::{Departure, Gateway, State},
    h1::{self, Outcome},
    setup::{Needs, Setup},
    template::Template,
    tokens::Issuer,
};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    pack,
    postgres::Cluster,
    stage::{BOB, Payment, SECRETS_KEY, id_of, service},
};

/// As many as race for one approval.
const CLIENTS: usize = 200;

/// `ACTGATE_RACE_ROUNDS` says another number.
const ROUNDS: usize = 50;

struct Fleet {
    gateways: Vec<Gateway>,
    controls: Vec<Control>,
    upstream: Recorder,
    issuer: Issuer,
    _database: Cluster,
}

// === impl Fleet ===

impl Fleet {
    async fn start() -> Option<Self> {
        let setup = Setup::find(Needs::Gateway)?;
        let database = Cluster::start().await?;
        let url = database.database("approvals").await;
        let issuer = Issuer::new();
        let upstream = Recorder::start(Script::text(200, "paid")).await.expect("a recorder");
        let template = Template::read(setup.root());
        let states = [State::new(&setup, &template), State::new(&setup, &template)];
        let first = states[0].layout().clone();
        // Every round leaves a call that waits.
        let change = |text: String| format!("{text}\nlimits: {{ pending_per_actor: 1000 }}\n");
        let (config, mut bundle) = service(&setup, &states[0], &issuer, change).await;
        pack::install(&mut bundle);
        let bundle = serde_json::to_string(&bundle).expect("a bundle");
        let (mut gateways, mut controls) = (Vec::new(), Vec::new());
        for (state, name) in states.into_iter().zip(["control", "control-2"]) {
            let config: ControlConfig = config.clone();
            let options = ControlOptions { name, config, port: 0, database: Some(url.clone()) };
            let control = Control::start(&first, &options).await.unwrap_or_else(|error| panic!("{error}"));
            let departure = Departure {
                control: Some(control.upstream().clone()),
                secrets_key: Some(SECRETS_KEY.to_owned()),
                ..Departure::configured(bundle.clone())
            };
            let secrets = state.upstream(upstream.address());
            gateways.push(Gateway::start(state, departure, secrets).await);
            controls.push(control);
        }
        Some(Self { gateways, controls, upstream, issuer, _database: database })
    }

    /// All clients at once: how many were answered with which status.
    async fn race(&self, payment: &Payment) -> Vec<u16> {
        let bytes: Arc<[u8]> = payment.bytes(&self.issuer).into();
        let start = Arc::new(Barrier::new(CLIENTS));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let address = self.gateways[number % self.gateways.len()].address();
            let (bytes, start) = (Arc::clone(&bytes), Arc::clone(&start));
            clients.spawn(async move {
                start.wait().await;
                match h1::send(address, &bytes).await {
                    Outcome::Reply(reply) => reply.status,
                    Outcome::Closed | Outcome::Silence => 0,
                }
            });
        }
        clients.join_all().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_who_race_for_an_approval_one_passes() {
    let Some(fleet) = Fleet::start().await else { return };
    let rounds = env::var("ACTGATE_RACE_ROUNDS").ok().map(|text| text.parse().expect("a number"));
    let rounds = rounds.unwrap_or(ROUNDS);
    let begun = Instant::now();
    for round in 0..rounds {
        let payment = Payment::usual().with_header("x-tenant", &format!("round-{round}"));
        // Asked at one gateway, approved at the other's replica.
        let held = payment.send(&fleet.gateways[0], &fleet.issuer).await;
        let id = id_of(&held).unwrap_or_else(|| panic!("not held: {} {}", held.status, held.json()));
        let answer = fleet.controls[1].decide(BOB, &id, "approve", "").await.expect("a decision");
        assert_eq!(answer.status, 200, "{}", answer.text());
        fleet.upstream.forget();
        let statuses = fleet.race(&payment).await;
        let told = |status: u16| statuses.iter().filter(|told| **told == status).count();
        let others = CLIENTS - told(200) - told(403) - told(409) - told(503);
        // Whoever the service did not answer in time has passed nothing, and may have used the approval up.
        let expected = if told(503) == 0 { 1..=1 } else { 0..=1 };
        let passed = fleet.upstream.seen().requests.len();
        assert!(
            expected.contains(&passed) && told(200) == passed && others == 0,
            "round {round}: {passed} passed, {} told so, {} in flight, {} waiting, {} unanswered, {others} others",
            told(200),
            told(409),
            told(403),
            told(503)
        );
    }
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{rounds} rounds of {CLIENTS} clients in {seconds:.1} s");
}
