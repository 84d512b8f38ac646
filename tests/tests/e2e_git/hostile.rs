//! Hostile pushes: each is refused for the right reason, the server sees not even a connection, and no ref moves.
//!
//! Every body would do something if it were let through: its objects are there, and git's own server takes many of
//! these framings.

mod framing;
mod heads;
mod judge;
mod transport;

use actgate_demo::ledger::Record;
use actgate_tests::e2e::{
    h1,
    h2::{self, Frames},
    ledger,
    verdict::{Verdicts, equal, holds},
};

use self::judge::{Came, Expect};
use crate::{
    push_body::{Ids, Push},
    stage::{Caller, Stage},
};

/// Where a push goes.
const TARGET: &str = "/git/payments.git/git-receive-pack";
const TYPE: &str = "content-type: application/x-git-receive-pack-request\r\n";

/// A hostile request.
struct Row {
    name: String,
    request: Request,
    expect: Expect,
}

enum Request {
    /// Method and target, then header lines and body as they are.
    H1(String, Vec<u8>),
    H2(Frames),
}

/// The fields of a request over HTTP/2.
type Fields = Vec<(&'static str, String)>;

/// What rows are made of.
struct Kit {
    ids: Ids,
    token: String,
}

// === impl Kit ===

impl Kit {
    /// A push that is honest but for where it goes.
    fn honest(&self, command: &str) -> Push {
        Push::default().first(command).end()
    }

    /// The fields of a push over HTTP/2.
    fn fields(&self) -> Fields {
        vec![
            (":method", "POST".to_owned()),
            (":scheme", "http".to_owned()),
            (":authority", "gateway.demo".to_owned()),
            (":path", TARGET.to_owned()),
            ("authorization", format!("Bearer {}", self.token)),
            ("content-type", "application/x-git-receive-pack-request".to_owned()),
        ]
    }
}

// === impl Row ===

impl Row {
    /// A push of this body.
    fn push(name: impl Into<String>, body: &Push, expect: Expect) -> Self {
        Self::with(name, &format!("POST {TARGET}"), TYPE, &body.0, expect)
    }

    /// A request with a body of a known length.
    fn with(name: impl Into<String>, line: &str, headers: &str, body: &[u8], expect: Expect) -> Self {
        let mut rest = format!("{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
        rest.extend_from_slice(body);
        Self::raw(name, line, rest, expect)
    }

    /// A request whose headers and body are written out.
    fn raw(name: impl Into<String>, line: &str, rest: impl Into<Vec<u8>>, expect: Expect) -> Self {
        Self { name: name.into(), request: Request::H1(line.to_owned(), rest.into()), expect }
    }

    fn h2(name: impl Into<String>, frames: Frames, expect: Expect) -> Self {
        Self { name: name.into(), request: Request::H2(frames), expect }
    }

    async fn send(&self, stage: &Stage) -> Came {
        match &self.request {
            Request::H1(line, rest) => Came::H1(stage.send(Caller::Alice, line, rest).await),
            Request::H2(frames) => Came::H2(h2::send(stage.gateway.address(), frames).await),
        }
    }
}

async fn refuses(rows: impl FnOnce(&Kit) -> Vec<Row>) {
    let Some(stage) = Stage::watched().await else { return };
    let kit = Kit { ids: Ids::of(&stage.world).await, token: stage.issuer.good() };
    let rows = rows(&kit);
    assert!(rows.len() >= 200, "only {} rows", rows.len());
    let mut verdicts = Verdicts::default();
    for row in &rows {
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let came = row.send(&stage).await;
        let records = ledger::records(&ledger, 1).await;
        let unseen = equal("connections to the server", stage.seen(), 0);
        let refs = equal("the refs", &stage.world.refs().await, stage.world.seeds());
        let forwarded = records.iter().find(|record| record.was_forwarded());
        let kept = forwarded.map_or(Ok(()), |record| Err(format!("it was forwarded: {}", record.value())));
        let verdict = row.expect.judge(&came, &records);
        verdicts.row(&row.name, kept.and(unseen).and(refs).and(verdict));
    }
    // The rows prove nothing unless what they were made from passes.
    let good = Row::push("the push they were made from", &kit.honest(&kit.ids.fine()), Expect::Somehow);
    let ledger = ledger::from_now(&stage.gateway.ledger());
    good.send(&stage).await;
    let records = ledger::records(&ledger, 1).await;
    verdicts.row(&good.name, holds(records.iter().all(Record::was_forwarded), "it is not let through"));
    let refs = stage.world.refs().await;
    verdicts.row("its ref", equal("id", refs.get("payments refs/heads/agent/x"), Some(&kit.ids.main)));
    verdicts.conclude();
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_these_pushes_reaches_the_server() {
    refuses(|kit| {
        let tables = [framing::rows(kit), heads::rows(kit), transport::rows(kit)];
        tables.into_iter().flatten().collect()
    })
    .await;
}

/// A client that leaves in the middle: the attempt is recorded, and nothing of it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_and_one_that_takes_its_time() {
    let Some(stage) = Stage::watched().await else { return };
    let ids = Ids::of(&stage.world).await;
    let whole = |command: &str| Push::default().first(command).end().0;
    let head = |length: usize| format!("{TYPE}content-length: {length}\r\n\r\n").into_bytes();
    let line = format!("POST {TARGET}");
    let mut verdicts = Verdicts::default();
    for (name, command, sent, decision) in [
        ("in the length of a packet", ids.fine(), 2, ""),
        ("in a command", ids.fine(), 60, ""),
        ("in the length of main", ids.hidden(), 3, ""),
        ("before the flush", ids.fine(), 160, ""),
        ("in a pack that is drawn off", ids.hidden(), 200, "hold"),
    ] {
        let body = whole(&command);
        let mut rest = head(1 << 20);
        rest.extend_from_slice(&body[..sent.min(body.len())]);
        let ledger = ledger::from_now(&stage.gateway.ledger());
        let mut wire = h1::Wire::connect(stage.gateway.address()).await;
        wire.write(&stage.request(Caller::Alice, &line, &rest)).await;
        // The gate has seen it once its own statistics have: then the client goes.
        stage.settled().await;
        drop(wire);
        let records = ledger::records(&ledger, 1).await;
        let verdict = match records.as_slice() {
            [record] => equal("decision", record.decision(), decision)
                .and_then(|()| {
                    equal("stage", record.stage(), if decision.is_empty() { "aborted" } else { "decided" })
                })
                .and_then(|()| holds(!record.was_forwarded(), "it is recorded as forwarded")),
            records => Err(format!("{} records", records.len())),
        };
        verdicts.row(name, verdict);
    }
    verdicts.row("the server saw nothing", equal("connections", stage.seen(), 0));
    verdicts.row("no ref changed", equal("the refs", &stage.world.refs().await, stage.world.seeds()));
    verdicts.conclude();
    arrives_byte_by_byte(&stage, &ids).await;
}

/// However a permitted push arrives, it is the same push.
async fn arrives_byte_by_byte(stage: &Stage, ids: &Ids) {
    let body = Push::default().first(&ids.fine()).end().0;
    let head = format!("{TYPE}transfer-encoding: chunked\r\n\r\n");
    let mut wire = h1::Wire::connect(stage.gateway.address()).await;
    wire.write(&stage.request(Caller::Alice, &format!("POST {TARGET}"), head.as_bytes())).await;
    for byte in body {
        wire.write(&[b"1\r\n".as_slice(), &[byte], b"\r\n"].concat()).await;
    }
    wire.write(b"0\r\n\r\n").await;
    let outcome = wire.reply(std::time::Duration::from_secs(10)).await;
    let h1::Outcome::Reply(reply) = outcome else { panic!("{outcome:?}") };
    assert_eq!(reply.status, 200);
    assert!(String::from_utf8_lossy(&reply.body).contains("ok refs/heads/agent/x"), "{reply:?}");
    assert_eq!(stage.world.refs().await.get("payments refs/heads/agent/x"), Some(&ids.main));
}
