//! The claim protocol as a model, every interleaving of it: gateways that claim, forward, report, crash and try again over
//! replicas that crash between their steps, people who vote, and time that runs out.
//!
//! What the model takes for one step is what `store/claims.rs` and `store/decisions.rs` do in one transaction; that a
//! transaction is one step is the databases' part, and `tests/race.rs` asks them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "test code"
)]

use std::time::Instant;

use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// What an attempt at the call does next; each is made by some gateway, and each has its own claim id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Attempt {
    /// It has not asked.
    Fresh,
    /// A replica has read the approval as it was then, and has not written yet.
    Read(Seen),
    /// A replica has written `consumed`, and not answered.
    Written(usize),
    /// A grant is on its way, or in the gateway's hand.
    Granted(usize),
    /// The upstream has the call.
    Forwarded(usize),
    /// It ended: it was told to wait, was refused, crashed or has reported.
    Over,
}

/// What a replica read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    Nothing,
    Pending(usize),
    Approved(usize),
    Consumed(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Pending,
    Approved,
    Denied,
    Expired,
    Consumed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Forwarded,
    NotForwarded,
}

/// A row of the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Approval {
    state: State,
    /// People who said yes, as bits: one person is one bit however often they say it.
    votes: u8,
    claim: Option<usize>,
    outcome: Option<Outcome>,
    /// Whether the outcome is the service's own guess.
    is_guess: bool,
    /// What the world knows and the service does not: how many upstream requests this approval admitted.
    forwards: u8,
    /// Whether it was granted with its quorum.
    is_granted_without_quorum: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    approvals: Vec<Approval>,
    attempts: Vec<Attempt>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// A replica reads for an attempt.
    Read(usize),
    /// And then writes what follows from what it read.
    Write(usize),
    /// And then answers.
    Answer(usize),
    /// A lost connection, or a gateway's client that sends the same request again: the same claim id.
    Resend(usize),
    /// The gateway verifies the grant and forwards.
    Forward(usize),
    /// It says what became of the call.
    Report(usize),
    /// Whatever an attempt is doing ends here: its gateway or its replica crashes, or the network loses the answer.
    Crash(usize),
    /// A person votes, or says no.
    Approve(usize, u8),
    Deny(usize),
    /// Time runs out for an open approval, and for a claim without an outcome.
    Expire(usize),
    Burn(usize),
}

/// How the service is built; but for the first, as it must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    AsBuilt,
    /// `UPDATE .. WHERE id = ..`, without `AND state = 'approved'`: what was read decides.
    ConsumesWhatItRead,
    /// An approval without an outcome is handed back when its time is over.
    HandsBack,
    /// Counts yeses, not people.
    CountsVotes,
    /// Leaves a claim without an outcome as it is.
    NeverBurns,
}

struct Protocol {
    build: Build,
    attempts: usize,
    people: u8,
    quorum: u32,
    approvals: usize,
}

// === impl Protocol ===

impl Protocol {
    fn open(&self, world: &mut World) -> bool {
        let is_open = |approval: &Approval| matches!(approval.state, State::Pending | State::Approved);
        // The unique index over open approvals.
        if world.approvals.iter().any(is_open) || world.approvals.len() == self.approvals {
            return false;
        }
        world.approvals.push(Approval {
            state: State::Pending,
            votes: 0,
            claim: None,
            outcome: None,
            is_guess: false,
            forwards: 0,
            is_granted_without_quorum: false,
        });
        true
    }

    /// The guarded update of `Store::consume`.
    fn consume(&self, approval: &mut Approval, claim: usize) -> bool {
        let is_guarded = self.build != Build::ConsumesWhatItRead;
        if is_guarded && approval.state != State::Approved {
            return false;
        }
        approval.state = State::Consumed;
        approval.claim = Some(claim);
        approval.is_granted_without_quorum = approval.votes.count_ones() < self.quorum;
        true
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World { approvals: Vec::new(), attempts: vec![Attempt::Fresh; self.attempts] }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (at, attempt) in world.attempts.iter().enumerate() {
            match attempt {
                Attempt::Fresh => steps.push(Step::Read(at)),
                Attempt::Read(_) => steps.extend([Step::Write(at), Step::Crash(at)]),
                Attempt::Written(_) => steps.extend([Step::Answer(at), Step::Resend(at), Step::Crash(at)]),
                Attempt::Granted(_) => steps.extend([Step::Forward(at), Step::Crash(at)]),
                Attempt::Forwarded(_) => steps.extend([Step::Report(at), Step::Crash(at)]),
                Attempt::Over => {}
            }
        }
        for (at, approval) in world.approvals.iter().enumerate() {
            match approval.state {
                State::Pending => {
                    steps.extend((0..self.people).map(|person| Step::Approve(at, person)));
                    steps.extend([Step::Deny(at), Step::Expire(at)]);
                }
                State::Approved => steps.push(Step::Expire(at)),
                State::Consumed if approval.outcome.is_none() && self.build != Build::NeverBurns => {
                    steps.push(Step::Burn(at));
                }
                State::Consumed | State::Denied | State::Expired => {}
            }
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::Read(at) => {
                // The newest that still means something.
                let seen = world.approvals.iter().enumerate().rev().find_map(|(id, approval)| match approval
                    .state
                {
                    State::Pending => Some(Seen::Pending(id)),
                    State::Approved => Some(Seen::Approved(id)),
                    State::Consumed if approval.outcome.is_none() => Some(Seen::Consumed(id)),
                    State::Consumed | State::Denied | State::Expired => None,
                });
                world.attempts[at] = Attempt::Read(seen.unwrap_or(Seen::Nothing));
            }
            Step::Write(at) => {
                let Attempt::Read(seen) = world.attempts[at] else { return None };
                world.attempts[at] = match seen {
                    Seen::Nothing if self.open(&mut world) => Attempt::Over,
                    // Somebody else was faster: read again.
                    Seen::Nothing if world.approvals.len() < self.approvals => Attempt::Fresh,
                    Seen::Nothing | Seen::Pending(_) | Seen::Consumed(_) => Attempt::Over,
                    Seen::Approved(id) if self.consume(&mut world.approvals[id], at) => Attempt::Written(id),
                    Seen::Approved(_) => Attempt::Fresh,
                };
            }
            Step::Answer(at) => {
                let Attempt::Written(id) = world.attempts[at] else { return None };
                world.attempts[at] = Attempt::Granted(id);
            }
            // The claim id is unique and used: nothing is granted to it again.
            Step::Resend(at) | Step::Crash(at) => world.attempts[at] = Attempt::Over,
            Step::Forward(at) => {
                let Attempt::Granted(id) = world.attempts[at] else { return None };
                world.approvals[id].forwards += 1;
                world.attempts[at] = Attempt::Forwarded(id);
            }
            Step::Report(at) => {
                let Attempt::Forwarded(id) = world.attempts[at] else { return None };
                let approval = &mut world.approvals[id];
                let is_free = approval.outcome.is_none() || approval.is_guess;
                if approval.claim == Some(at) && is_free {
                    approval.outcome = Some(Outcome::Forwarded);
                    approval.is_guess = false;
                }
                world.attempts[at] = Attempt::Over;
            }
            Step::Approve(id, person) => {
                let approval = &mut world.approvals[id];
                let before = approval.votes;
                approval.votes |= 1 << person;
                let counts = approval.votes.count_ones() >= self.quorum;
                let is_enough = counts || (self.build == Build::CountsVotes && before != 0);
                if approval.votes == before && !is_enough {
                    return None;
                }
                if is_enough {
                    approval.state = State::Approved;
                }
            }
            Step::Deny(id) => world.approvals[id].state = State::Denied,
            Step::Expire(id) => world.approvals[id].state = State::Expired,
            Step::Burn(id) => {
                let approval = &mut world.approvals[id];
                if self.build == Build::HandsBack {
                    (approval.state, approval.claim) = (State::Approved, None);
                } else {
                    (approval.outcome, approval.is_guess) = (Some(Outcome::NotForwarded), true);
                }
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("at most one forward per approval", |_, world: &World| {
                world.approvals.iter().all(|approval| approval.forwards <= 1)
            }),
            Property::always("no grant without quorum", |_, world: &World| {
                !world.approvals.iter().any(|approval| approval.is_granted_without_quorum)
            }),
            Property::always("what was forwarded was consumed", |_, world: &World| {
                world
                    .approvals
                    .iter()
                    .all(|approval| approval.forwards == 0 || approval.state == State::Consumed)
            }),
            Property::always("what the gateway reported stays", |_, world: &World| {
                world.approvals.iter().all(|approval| {
                    approval.outcome != Some(Outcome::Forwarded)
                        || approval.forwards == 1 && !approval.is_guess
                })
            }),
            Property::always("at most one is open", |_, world: &World| {
                let is_open =
                    |approval: &&Approval| matches!(approval.state, State::Pending | State::Approved);
                world.approvals.iter().filter(is_open).count() <= 1
            }),
            Property::eventually("what is burnt is recorded", |_, world: &World| {
                let is_over = world.attempts.iter().all(|attempt| *attempt == Attempt::Over);
                let is_settled = |approval: &Approval| {
                    matches!(approval.state, State::Denied | State::Expired) || approval.outcome.is_some()
                };
                is_over && world.approvals.iter().all(is_settled)
            }),
            Property::sometimes("a call goes through", |_, world: &World| {
                world.approvals.iter().any(|approval| approval.outcome == Some(Outcome::Forwarded))
            }),
            Property::sometimes("a crash burns an approval", |_, world: &World| {
                world
                    .approvals
                    .iter()
                    .any(|approval| approval.forwards == 0 && approval.outcome == Some(Outcome::NotForwarded))
            }),
            Property::sometimes("the same call is approved again", |_, world: &World| {
                world.approvals.len() == 2 && world.approvals.iter().all(|approval| approval.forwards == 1)
            }),
        ]
    }
}

fn protocol(build: Build) -> Protocol {
    Protocol { build, attempts: 5, people: 2, quorum: 2, approvals: 2 }
}

/// The properties that do not hold of a build: all of them, or the first that is found among `asked`.
fn broken(build: Build, asked: HasDiscoveries) -> Vec<&'static str> {
    let begun = Instant::now();
    let checker = protocol(build).checker().threads(2).finish_when(asked).spawn_bfs().join();
    println!("{build:?}: {} states in {:?}", checker.unique_state_count(), begun.elapsed());
    let found = checker.discoveries();
    let is_broken = |property: &Property<Protocol>| {
        let is_failure = property.expectation.discovery_is_failure();
        // What happens only sometimes is asked where everything is looked at.
        if found.contains_key(property.name) { is_failure } else { !is_failure && build == Build::AsBuilt }
    };
    let properties = protocol(build).properties().into_iter();
    properties.filter(is_broken).map(|property| property.name).collect()
}

fn breaks(build: Build, property: &'static str) {
    let found = broken(build, HasDiscoveries::AnyOf([property].into()));
    assert!(found.contains(&property), "{build:?} breaks {found:?}");
}

#[test]
fn every_property_holds_of_the_protocol() {
    assert_eq!(broken(Build::AsBuilt, HasDiscoveries::AllFailures), Vec::<&str>::new());
}

#[test]
fn a_consumption_that_is_not_atomic_forwards_twice() {
    breaks(Build::ConsumesWhatItRead, "at most one forward per approval");
}

#[test]
fn an_approval_that_is_handed_back_forwards_twice() {
    breaks(Build::HandsBack, "at most one forward per approval");
}

#[test]
fn one_person_twice_is_no_quorum() {
    breaks(Build::CountsVotes, "no grant without quorum");
}

#[test]
fn a_claim_that_nobody_writes_off_stays_unrecorded() {
    breaks(Build::NeverBurns, "what is burnt is recorded");
}
