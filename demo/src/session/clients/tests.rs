//! A run is judged by what its client says and by what the ledger holds.

use super::*;

fn finished(success: bool, stderr: &str) -> Finished {
    Finished { success, stdout: Vec::new(), stderr: stderr.to_owned() }
}

#[test]
fn a_success_has_to_be_one() {
    PUSH.judge(&finished(true, "")).unwrap();
    PUSH.judge(&finished(false, "fatal")).unwrap_err();
}

#[test]
fn a_refusal_has_to_be_printed() {
    let expect = Expect::Refusal { decision: "deny", reason: "policy_denied", prints: &["rejected", "tags"] };
    let run = Run { expect, ..PUSH };
    run.judge(&finished(false, " ! [rejected] (no tags)")).unwrap();
    for (success, stderr) in [(true, "rejected tags"), (false, "rejected"), (false, "")] {
        run.judge(&finished(success, stderr)).unwrap_err();
    }
}

#[test]
fn what_is_told_is_what_counts() {
    let push =
        finished(false, "To http://x\nremote: no\n ! [remote rejected] HEAD -> main (no)\nerror: failed\n");
    assert_eq!(PUSH.client.telling(&push), ["remote: no", "! [remote rejected] HEAD -> main (no)"]);
    assert_eq!(COPY.client.telling(&finished(true, "")), ["done"]);
}
