//! Chunks, lengths, trailers, and HTTP/2.

use actgate_tests::e2e::h2::Frames;

use super::{Expect, Fields, Kit, Row, TARGET, TYPE};
use crate::push_body::Push;

const HELD: Expect = Expect::Report("approval_required");
const FRAMING: Expect = Expect::Report("git_framing_invalid");

pub(super) fn rows(kit: &Kit) -> Vec<Row> {
    let mut rows = chunks(kit);
    rows.extend(lengths(kit));
    rows.extend(http2(kit));
    rows
}

/// A push to main.
fn main(kit: &Kit) -> Vec<u8> {
    kit.honest(&kit.ids.hidden()).0
}

fn chunked(pieces: &[&[u8]], end: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in pieces {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(end);
    body
}

fn chunks(kit: &Kit) -> Vec<Row> {
    let line = format!("POST {TARGET}");
    let send = |name: &str, body: Vec<u8>, expect| {
        let mut rest = format!("{TYPE}transfer-encoding: chunked\r\n\r\n").into_bytes();
        rest.extend(body);
        Row::raw(name, &line, rest, expect)
    };
    let body = main(kit);
    let single: Vec<&[u8]> = body.chunks(1).collect();
    let fine = Push::default().first(&kit.ids.fine()).0;
    let hidden = Push::default().line(kit.ids.hidden()).end().0;
    let end = b"0\r\n\r\n";
    vec![
        send("main, in one chunk", chunked(&[&body], end), HELD),
        send("main, byte by byte", chunked(&single, end), HELD),
        send("main, parted in a length", chunked(&[&body[..2], &body[2..]], end), HELD),
        send("main, parted in an id", chunked(&[&body[..30], &body[30..]], end), HELD),
        send(
            "main, parted before the pack",
            chunked(&[&body[..body.len() - 32], &body[body.len() - 32..]], end),
            HELD,
        ),
        send("a command in a later chunk", chunked(&[&fine, &hidden], end), HELD),
        send(
            "main, with an extension",
            [format!("{:x};a=\"0\"\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat(),
            HELD,
        ),
        send(
            "main, with trailers",
            chunked(&[&body], b"0\r\ncontent-type: text/plain\r\nx-a: b\r\n\r\n"),
            HELD,
        ),
        send("commands that end in trailers", chunked(&[&fine], b"0\r\nx-a: 0000PACK\r\n\r\n"), FRAMING),
        send("a command and no more", chunked(&[&fine], end), FRAMING),
        send("no chunk", end.to_vec(), Expect::Text(400, "git_framing_invalid")),
        send("a chunk size that is none", b"xyz\r\n0000\r\n0\r\n\r\n".to_vec(), Expect::Somehow),
        send("a chunk size with a sign", b"+4\r\n0000\r\n0\r\n\r\n".to_vec(), Expect::Somehow),
        send("a chunk size too large for anyone", b"ffffffffffffffffff\r\n0000".to_vec(), Expect::Somehow),
        // Envoy reads on to the end of the line, and passes on what the size says.
        send(
            "a chunk longer than its size",
            [format!("{:x}\r\n", body.len()).as_bytes(), &body, &hidden, b"\r\n0\r\n\r\n"].concat(),
            HELD,
        ),
    ]
}

fn lengths(kit: &Kit) -> Vec<Row> {
    let line = format!("POST {TARGET}");
    let body = main(kit);
    let elsewhere = format!("POST http://elsewhere.demo{TARGET}");
    let absolute = format!("{TYPE}content-length: {}\r\n\r\n", body.len());
    let absolute = [absolute.as_bytes(), &body].concat();
    let raw = |name: &str, headers: &str, body: &[u8], expect| {
        Row::raw(name, &line, [TYPE.as_bytes(), headers.as_bytes(), b"\r\n", body].concat(), expect)
    };
    let length = body.len();
    vec![
        Row::raw("main, in absolute form", &elsewhere, absolute, HELD),
        raw(
            "two lengths",
            &format!("content-length: {length}\r\ncontent-length: 4\r\n"),
            &body,
            Expect::Somehow,
        ),
        raw(
            "a length and chunks",
            &format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"),
            &chunked(&[&body], b"0\r\n\r\n"),
            Expect::Somehow,
        ),
        raw(
            "chunks and a length",
            &format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"),
            &chunked(&[&body], b"0\r\n\r\n"),
            Expect::Somehow,
        ),
        raw(
            "chunked twice",
            "transfer-encoding: chunked, chunked\r\n",
            &chunked(&[&body], b"0\r\n\r\n"),
            Expect::Somehow,
        ),
        raw(
            "chunked, or not",
            "transfer-encoding: xchunked\r\n",
            &chunked(&[&body], b"0\r\n\r\n"),
            Expect::Somehow,
        ),
        raw(
            "compressed by the transfer",
            "transfer-encoding: gzip, chunked\r\n",
            &chunked(&[&body], b"0\r\n\r\n"),
            Expect::Somehow,
        ),
        raw("a length in hex", "content-length: 0x4\r\n", b"0000", Expect::Somehow),
        raw("a length with a sign", "content-length: +4\r\n", b"0000", Expect::Somehow),
        raw("no length at all", "", &body, Expect::Somehow),
        raw(
            "main, with an expectation",
            &format!("expect: 100-continue\r\ncontent-length: {length}\r\n"),
            &body,
            HELD,
        ),
        raw(
            "another expectation",
            &format!("expect: x\r\ncontent-length: {length}\r\n"),
            &body,
            Expect::Somehow,
        ),
    ]
}

fn http2(kit: &Kit) -> Vec<Row> {
    let head = |change: &dyn Fn(&mut Fields), last| {
        let mut fields = kit.fields();
        change(&mut fields);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Frames::default().headers(&fields, last)
    };
    let plain = |last| head(&|_| {}, last);
    let with = |name: &'static str, value: &'static str| {
        head(&move |fields: &mut Fields| fields.push((name, value.to_owned())), false)
    };
    let body = main(kit);
    let fine = Push::default().first(&kit.ids.fine()).0;
    let hidden = Push::default().line(kit.ids.hidden()).end().0;
    let pieces = body.iter().fold(plain(false), |frames, byte| frames.data(&[*byte], false)).data(b"", true);
    vec![
        Row::h2("HTTP/2: main", plain(false).data(&body, true), HELD),
        Row::h2("HTTP/2: main, byte by byte", pieces, HELD),
        Row::h2(
            "HTTP/2: a command in a later frame",
            plain(false).data(&fine, false).data(&hidden, true),
            HELD,
        ),
        Row::h2(
            "HTTP/2: main, with trailers",
            plain(false).data(&body, false).headers(&[("x-a", "b")], true),
            HELD,
        ),
        Row::h2(
            "HTTP/2: commands that end in trailers",
            plain(false).data(&fine, false).headers(&[("x-a", "0000PACK")], true),
            FRAMING,
        ),
        Row::h2("HTTP/2: nothing but a head", plain(true), Expect::Text(400, "git_framing_invalid")),
        Row::h2(
            "HTTP/2: gzip",
            with("content-encoding", "gzip").data(&body, true),
            Expect::Text(400, "body_encoding_refused"),
        ),
        Row::h2(
            "HTTP/2: two types",
            with("content-type", "text/plain").data(&body, true),
            Expect::Problem(400, "header_duplicate"),
        ),
        Row::h2(
            "HTTP/2: a user",
            with("remote-user", "bob").data(&body, true),
            Expect::Text(400, "header_refused"),
        ),
        Row::h2("HTTP/2: chunked", with("transfer-encoding", "chunked").data(&body, true), Expect::Somehow),
        Row::h2(
            "HTTP/2: a length that is too short",
            with("content-length", "4").data(&body, true),
            Expect::Somehow,
        ),
        Row::h2(
            "HTTP/2: a length that is too long",
            with("content-length", "999").data(&body, true),
            Expect::Somehow,
        ),
        Row::h2(
            "HTTP/2: another path",
            head(
                &|fields| fields[3].1 = "/git/website.git/../payments.git/git-receive-pack".to_owned(),
                false,
            )
            .data(&body, true),
            Expect::Problem(400, "path_not_canonical"),
        ),
    ]
}
