use actgate_call::git::pkt_line::{Packet, PacketReader};

use super::*;
use crate::reason::{CallReason, TokenReason};

fn client(side_band: bool, refs: &[&str]) -> PushClient {
    PushClient {
        repo: "payments".into(),
        report_status: true,
        side_band,
        refs: refs.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn hold() -> Denial {
    let mut denial = Denial::new(Reason::ApprovalRequired, "approval by release-managers is required");
    denial.resource = Some("Git::Ref::\"payments/refs/heads/main\"".into());
    denial.groups = vec!["release-managers".into()];
    denial.advice = Some("Push to agent/x.".into());
    denial.internal = Some("never shown".into());
    denial
}

/// The packets' payloads.
fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = PacketReader::default();
    reader.push(bytes);
    let mut found = Vec::new();
    while let Some(packet) = reader.next_packet().unwrap() {
        found.push(match packet {
            Packet::Data(data) => data.to_vec(),
            Packet::Flush => b"flush".to_vec(),
            Packet::Delimiter | Packet::ResponseEnd => panic!("{packet:?}"),
        });
    }
    assert!(reader.rest().is_empty());
    found
}

fn band_of(packets: &[Vec<u8>], number: u8) -> Vec<u8> {
    packets.iter().filter_map(|packet| packet.strip_prefix(&[number])).flatten().copied().collect()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_ref_is_reported_and_the_reason_is_beside_it() {
    let reply = report(&hold(), "id-1", &client(true, &["refs/heads/main", "refs/heads/agent/x"]));
    assert_eq!((reply.status, reply.details.as_str()), (200, "actgate_approval_required"));
    assert_eq!(reply.headers[0].1, "application/x-git-receive-pack-result");
    let packets = packets(&reply.body);
    assert_eq!(packets.last().unwrap(), b"flush");
    assert_eq!(
        text_of(&band_of(&packets, 2)),
        "actgate: Approval required\napproval by release-managers is required\n\
         needs the approval of: release-managers\nPush to agent/x.\nreason: approval_required, decision: id-1\n"
    );
    let report: Vec<String> =
        self::packets(&band_of(&packets, 1)).iter().map(|packet| text_of(packet)).collect();
    assert_eq!(
        report,
        [
            "unpack ok\n",
            "ng refs/heads/main approval required: release-managers\n",
            "ng refs/heads/agent/x another ref of this push is refused\n",
            "flush",
        ]
    );
}

#[test]
fn without_a_side_band_the_report_is_bare() {
    let reply = report(&hold(), "id-1", &client(false, &["refs/heads/main"]));
    assert_eq!(text_of(&packets(&reply.body)[1]), "ng refs/heads/main approval required: release-managers\n");
}

#[test]
fn a_long_report_takes_several_packets() {
    let names: Vec<String> =
        (0..1000).map(|number| format!("refs/heads/{}-{number}", "n".repeat(200))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let packets = packets(&report(&hold(), "id", &client(true, &names)).body);
    assert!(packets.len() > 4);
    assert_eq!(self::packets(&band_of(&packets, 1)).len(), 1002);
}

#[test]
fn what_is_told_has_no_control_characters_and_little_length() {
    let mut denial = Denial::new(Reason::PolicyDenied, "no");
    denial.because = Some(format!("no\n\u{1b}[31m{}", "x".repeat(500)));
    denial.advice = Some("a\r\nb".into());
    let reply = report(&denial, "id", &client(true, &["refs/heads/a"]));
    let packets = packets(&reply.body);
    let told = text_of(&band_of(&packets, 2));
    assert!(!told.chars().any(|char| char.is_control() && char != '\n'), "{told:?}");
    assert_eq!(told.lines().count(), 4);
    let report = self::packets(&band_of(&packets, 1));
    assert!(report[1].len() <= "ng refs/heads/a \n".len() + MAX_REASON_CHARS);
    assert!(!text_of(&reply.body).contains("never shown"));
}

#[test]
fn a_limit_is_named_where_git_prints_it() {
    let denial =
        Denial::new(Reason::Call(CallReason::LimitExceeded), "the limit `git.push.commands` of 1000");
    let packets = packets(&report(&denial, "id", &client(true, &["refs/heads/a"])).body);
    assert!(text_of(&band_of(&packets, 2)).contains("git.push.commands"));
    assert!(
        text_of(&band_of(&packets, 1)).contains("ng refs/heads/a the limit `git.push.commands` of 1000\n")
    );
}

#[test]
fn git_is_never_asked_for_a_password() {
    let expired = text(&Denial::new(Reason::Token(TokenReason::Expired), "it has expired"), "id");
    assert_eq!(expired.status, 403);
    assert_eq!(expired.headers[0].1, "text/plain; charset=utf-8");
    assert!(expired.headers.iter().all(|(name, _)| name != "www-authenticate"));
    assert!(text_of(&expired.body).starts_with("actgate: The token has expired\nit has expired\n"));
    let down = text(&Denial::new(Reason::GateUnavailable, "x"), "id");
    assert_eq!((down.status, down.headers.last().unwrap().0.as_str()), (503, "retry-after"));
    assert_eq!(text(&Denial::new(Reason::Call(CallReason::LimitExceeded), "x"), "id").status, 413);
}

#[test]
fn git_lfs_is_told_in_its_own_document() {
    let reply = lfs(&Denial::new(Reason::Token(TokenReason::Expired), "it has expired"), "id-1");
    assert_eq!((reply.status, reply.headers[0].1.as_str()), (403, "application/vnd.git-lfs+json"));
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["request_id"], "id-1");
    assert!(
        body["message"].as_str().unwrap().starts_with("actgate: The token has expired\nit has expired\n")
    );
}

#[test]
fn git_archive_is_told_in_one_packet() {
    let reply = archive(&Denial::new(Reason::Call(CallReason::RouteUnknown), "no route"), "id-1");
    assert_eq!((reply.status, reply.details.as_str()), (200, "actgate_route_unknown"));
    let packets = packets(&reply.body);
    assert_eq!(
        packets.iter().map(|packet| text_of(packet)).collect::<Vec<_>>(),
        ["NACK actgate: The route is not in the catalog; no route; reason: route_unknown, decision: id-1\n"]
    );
}
