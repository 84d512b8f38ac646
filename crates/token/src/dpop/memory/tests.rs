#![expect(clippy::arithmetic_side_effects, reason = "numbers of the test")]

use super::{
    COMPARTMENTS, LANES, MAX_ENTRIES, MAX_SHARD_BYTES, ProofMemory, ProofUse, Remembering, SHARDS, remember,
    shard_since,
};
use crate::fixture::{NOW, base64url};
use crate::thumbprint::Thumbprint;
use crate::time::UnixTime;

fn key(octet: u8) -> Thumbprint {
    Thumbprint::from_base64url(&base64url(&[octet; 32])).unwrap()
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::new(NOW + seconds)
}

/// Proofs of one shard.
fn crowd(count: usize, issued: UnixTime) -> Vec<ProofUse> {
    let all = (0..).map(|number| ProofUse::of(&key(1), &format!("{issued:?} {number}"), issued, 60));
    let first = all.clone().next().unwrap().shard();
    all.filter(|proof| proof.shard() == first).take(count).collect()
}

#[test]
fn a_proof_is_of_use_once() {
    let mut memory = ProofMemory::default();
    let proof = ProofUse::of(&key(1), "a", at(0), 60);
    assert_eq!(memory.remember(&proof, at(0)), Remembering::New);
    for later in [0, 1, 60] {
        assert_eq!(memory.remember(&proof, at(later)), Remembering::Used);
    }
    // The same name with another key, and another name: other proofs.
    assert_eq!(memory.remember(&ProofUse::of(&key(17), "a", at(0), 60), at(0)), Remembering::New);
    assert_eq!(memory.remember(&ProofUse::of(&key(1), "b", at(0), 60), at(0)), Remembering::New);
    // A proof that says another time is still the one of that name.
    assert_eq!(memory.remember(&ProofUse::of(&key(1), "a", at(30), 60), at(30)), Remembering::Used);
}

#[test]
fn nothing_is_forgotten_that_would_be_taken() {
    let proofs = crowd(4, at(0));
    let mut shard = Vec::new();
    for proof in &proofs {
        shard = remember(&shard, proof, at(0)).unwrap();
    }
    let late = ProofUse::of(&key(1), "late", at(60), 60);
    let kept = remember(&shard, &late, at(60)).unwrap();
    assert!(
        proofs.iter().all(|proof| remember(&kept, proof, at(60)) == Err(Remembering::Used)),
        "to the last second"
    );

    let later = ProofUse::of(&key(1), "later", at(61), 60);
    let purged = remember(&kept, &later, at(61)).unwrap();
    assert!(purged.len() < kept.len(), "what is over makes room");
    // The clock is set back, or a bundle lets proofs live for longer: what was dropped is not taken for new.
    for proof in &proofs {
        assert_eq!(remember(&purged, proof, at(0)), Err(Remembering::Forgotten));
        let longer = ProofUse { seconds: 300, ..*proof };
        assert_eq!(remember(&purged, &longer, at(61)), Err(Remembering::Forgotten));
    }
}

#[test]
fn a_full_shard_refuses_until_something_is_over() {
    let proofs = crowd(MAX_ENTRIES + 1, at(0));
    let (last, others) = proofs.split_last().unwrap();
    let mut memory = ProofMemory::default();
    for proof in others {
        assert_eq!(memory.remember(proof, at(0)), Remembering::New);
    }
    for later in [0, 60] {
        assert_eq!(memory.remember(last, at(later)), Remembering::Unavailable);
        assert_eq!(memory.remember(&others[0], at(later)), Remembering::Used, "and goes on knowing");
    }
    let elsewhere = ProofUse::of(&key(2), "x", at(0), 60);
    assert_eq!(memory.remember(&elsewhere, at(0)), Remembering::New, "other keys do not notice");
    let late = ProofUse { issued: at(61), ..*last };
    assert_eq!(memory.remember(&late, at(61)), Remembering::New);
    assert_eq!(memory.own[&last.shard()].len(), 32, "the others are over, and gone");
    assert_eq!(MAX_SHARD_BYTES, 6152);
}

#[test]
fn a_memory_begins_with_a_past() {
    let shard = shard_since(at(0));
    assert_eq!(remember(&shard, &ProofUse::of(&key(1), "a", at(-1), 60), at(0)), Err(Remembering::Forgotten));
    assert!(remember(&shard, &ProofUse::of(&key(1), "a", at(0), 60), at(0)).is_ok());
}

#[test]
fn what_is_no_shard_remembers_nothing_and_lets_nothing_through() {
    let proof = ProofUse::of(&key(1), "a", at(0), 60);
    for length in (1..100).filter(|length| *length < 8 || (*length - 8) % 24 != 0) {
        assert_eq!(remember(&vec![0; length], &proof, at(0)), Err(Remembering::Unavailable), "{length}");
    }
}

#[test]
fn one_key_fills_one_compartment() {
    for octet in 0..=255 {
        let shards = (0..500).map(|id| ProofUse::of(&key(octet), &id.to_string(), at(0), 60).shard());
        let mut shards: Vec<u16> = shards.collect();
        shards.sort_unstable();
        shards.dedup();
        assert!(shards.len() > 60, "spread over its lanes");
        assert!(
            shards.iter().all(|shard| *shard < SHARDS && shard / LANES == u16::from(octet) % COMPARTMENTS)
        );
    }
}
