use super::*;

fn drain() -> Drain {
    let reply = LocalReply { status: 200, headers: vec![], body: vec![], details: "x".into() };
    Drain::new(reply, Moment::from_unix_nanos(0))
}

fn at(seconds: u64) -> Moment {
    Moment::from_unix_nanos(seconds.saturating_mul(1_000_000_000))
}

fn chunk(buffered: usize) -> BodyProgress {
    BodyProgress { buffered, complete: false }
}

#[test]
fn it_ends_with_the_body() {
    let Drained::On(drain) = drain().take(chunk(100), at(1)) else { panic!("over") };
    assert!(matches!(drain.take(BodyProgress { buffered: 5, complete: true }, at(2)), Drained::Over(_)));
}

#[test]
fn it_ends_after_so_many_bytes() {
    let Drained::On(drain) = drain().take(chunk(MAX_BYTES), at(1)) else { panic!("over") };
    assert!(matches!(drain.take(chunk(1), at(1)), Drained::Over(_)));
}

#[test]
fn it_ends_after_so_long() {
    let Drained::On(drain) = drain().take(chunk(1), at(MAX_SECONDS - 1)) else { panic!("over") };
    assert!(matches!(drain.take(chunk(1), at(MAX_SECONDS)), Drained::Over(_)));
}
