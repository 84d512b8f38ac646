//! An exchange through Envoy, at the pace of what the host did.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    client::Client,
    envoy::Envoy,
    host::Played,
    live::{Command, Live, Register},
    plan::{Filter, Move, Plan},
    seen::{Progress, Seen},
    wire,
};

/// How long something that must come may take on a machine that is busy. Only exchanges that differ wait for that long.
const LIMIT: Duration = Duration::from_secs(3);

/// A move that nobody can see is given time to be read, and what nobody expects time to show up.
const UNSEEN: Duration = Duration::from_millis(12);

/// Plays a plan that the host has played. None where Envoy has ended.
pub async fn play(envoy: &Envoy, register: &Register, plan: &Plan, played: &Played) -> Option<Seen> {
    let tag = plan.seed.to_string();
    let live = register.enter(&tag);
    let bundle = match plan.filter {
        Filter::Probe => None,
        Filter::Actgate(index) => Some(index),
    };
    let mut client = Client::connect(envoy.address(bundle), plan, live.clone()).await?;
    let mut before = Progress::default();
    for (made, progress) in &played.moves {
        make(&mut client, &live, plan, made).await;
        if *progress == before {
            sleep(UNSEEN).await;
        } else if !live.reach(*progress, LIMIT).await {
            break;
        }
        before = *progress;
    }
    if live.seen().client.is_none_or(|client| !client.complete) {
        // What was broken off is closed.
        live.ended(LIMIT).await;
    }
    sleep(UNSEEN).await;
    register.leave(&tag);
    Some(live.seen())
}

async fn make(client: &mut Client, live: &Live, plan: &Plan, made: &Move) {
    match made {
        Move::Request(piece) => client.send(plan, piece).await,
        Move::Leave => client.leave().await,
        Move::Response(piece) => {
            let start = format!("HTTP/1.1 {} Status", plan.answer.status);
            live.command(Command::Send(wire::bytes(&start, &plan.answer_pieces(), piece)));
        }
        Move::Close => live.command(Command::Close),
    }
}
