//! Who may approve.

use actgate_tests::e2e::verdict::{Verdicts, equal};

use crate::stage::{BOB, CAROL, Payment, Stage, id_of};

/// The subject and the agent could approve as far as their groups go.
const CALLERS: &str = "
  - { id: demo/alice@demo, name: Alice, groups: [release-managers] }
  - { id: 'demo/spiffe://demo/agent/coder', name: Coder, groups: [release-managers] }
";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_their_own_call() {
    let Some(stage) = Stage::with(|text| format!("{text}{CALLERS}")).await else { return };
    let mut verdicts = Verdicts::default();
    let id = stage.held(&Payment::usual()).await;
    for (name, person) in [
        ("the subject", "demo/alice@demo"),
        ("the agent", "demo/spiffe://demo/agent/coder"),
        ("somebody of another group", CAROL),
    ] {
        let answer = stage.control.decide(person, &id, "approve", "").await.expect("an answer");
        verdicts.row(name, equal("status", answer.status, 403));
        let reply = stage.send(&Payment::usual()).await;
        verdicts.row(&format!("{name}: it waits"), equal("approval", id_of(&reply), Some(id.clone())));
    }
    verdicts.row("nothing passes", equal("payments", stage.paid(), 0));
    stage.approve(BOB, &id).await;
    verdicts.row("somebody else", equal("status", stage.send(&Payment::usual()).await.status, 200));
    verdicts.conclude();
}
