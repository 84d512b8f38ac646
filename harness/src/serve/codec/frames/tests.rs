use loona_hpack::{Decoder, Encoder};

use super::{
    CONTINUATION, END_HEADERS, END_STREAM, FRAME_HEADER, Fault, Frame, Frames, HEADERS, MAX_FRAME, PADDED,
    PREFACE, PRIORITY, write,
};
use crate::serve::codec::Heads;

const HEAD: [(&str, &str); 5] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "gateway.demo"),
    (":path", "/a#b"),
    ("authorization", "Bearer abc"),
];

fn encoded(encoder: &mut Encoder<'static>, fields: &[(&str, &str)]) -> Vec<u8> {
    encoder.encode(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

/// What hyper gets for what a client sends in pieces of this size.
fn given(sent: &[u8], piece: usize, heads: &Heads) -> Result<Vec<u8>, Fault> {
    let mut frames = Frames::new();
    let (mut input, mut output) = (vec![b'p'; PREFACE], Vec::new());
    for part in sent.chunks(piece) {
        input.extend_from_slice(part);
        frames.take(&mut input, &mut output, heads)?;
    }
    Ok(output.split_off(PREFACE))
}

/// The frames in some bytes, with their payloads.
fn read(mut bytes: &[u8]) -> Vec<(Frame, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(frame) = Frame::read(bytes) {
        let end = frame.length.saturating_add(FRAME_HEADER);
        frames.push((frame, bytes[FRAME_HEADER..end].to_vec()));
        bytes = &bytes[end..];
    }
    frames
}

#[test]
fn a_head_is_kept_and_another_stands_in() {
    let mut encoder = Encoder::new();
    let mut sent = Vec::new();
    let first = encoded(&mut encoder, &HEAD);
    write(&mut sent, HEADERS, END_HEADERS | END_STREAM, 1, &first);
    write(&mut sent, 0, 0, 1, b"data");
    // The second refers to what the first put into the table, in a block of three frames with padding and priority.
    let second = encoded(&mut encoder, &[&HEAD[..3], &[(":path", "/b"), HEAD[4]]].concat());
    let padded = [&[2][..], &[0; 5], &second[..2], &[0; 2]].concat();
    write(&mut sent, HEADERS, PADDED | PRIORITY, 3, &padded);
    write(&mut sent, CONTINUATION, 0, 3, &second[2..4]);
    write(&mut sent, CONTINUATION, END_HEADERS, 3, &second[4..]);
    for piece in [1, 7, sent.len()] {
        let heads = Heads::default();
        let given = read(&given(&sent, piece, &heads).expect("frames"));
        let kinds: Vec<(u8, u8, u32)> =
            given.iter().map(|(frame, _)| (frame.kind, frame.flags, frame.stream)).collect();
        assert_eq!(kinds, [(HEADERS, END_HEADERS | END_STREAM, 1), (0, 0, 1), (HEADERS, END_HEADERS, 3)]);
        assert_eq!(given[1].1, b"data");
        let mut decoder = Decoder::new();
        let stand_in = decoder.decode(&given[0].1).expect("a block");
        assert!(stand_in.contains(&(b":path".to_vec(), b"/1".to_vec())), "{stand_in:?}");
        assert!(stand_in.iter().all(|(name, _)| name != b"authorization"), "{stand_in:?}");
        let refusal = heads.of_stream(1).expect("a head").expect_err("a refusal");
        assert_eq!((refusal.status, refusal.head.path), (400, Some(b"/a#b".to_vec())));
        let head = heads.of_stream(3).expect("a head").expect("a good one");
        assert_eq!(head.path, Some(b"/b".to_vec()));
        assert_eq!(head.fields, [(b"authorization".to_vec(), b"Bearer abc".to_vec())]);
        assert_eq!(heads.of_stream(3), None, "each is taken once");
    }
}

#[test]
fn trailers_are_the_same_however_long() {
    let long = "x".repeat(3 * MAX_FRAME);
    let mut encoder = Encoder::new();
    let mut sent = Vec::new();
    write(&mut sent, HEADERS, END_HEADERS, 1, &encoded(&mut encoder, &HEAD));
    let trailers = encoded(&mut encoder, &[("x-long", &long), ("x-more", "c")]);
    write(&mut sent, HEADERS, END_STREAM, 1, &trailers[..MAX_FRAME]);
    write(&mut sent, CONTINUATION, 0, 1, &trailers[MAX_FRAME..2 * MAX_FRAME]);
    write(&mut sent, CONTINUATION, 0, 1, &trailers[2 * MAX_FRAME..3 * MAX_FRAME]);
    write(&mut sent, CONTINUATION, END_HEADERS, 1, &trailers[3 * MAX_FRAME..]);
    let given = read(&given(&sent, 1000, &Heads::default()).expect("frames"));
    assert!(given.iter().all(|(frame, _)| frame.length <= MAX_FRAME), "{given:?}");
    let mut decoder = Decoder::new();
    decoder.decode(&given[0].1).expect("a head");
    let block: Vec<u8> = given[1..].iter().flat_map(|(_, payload)| payload.clone()).collect();
    let fields = decoder.decode(&block).expect("trailers");
    let expected = [(b"x-long".to_vec(), long.into_bytes()), (b"x-more".to_vec(), b"c".to_vec())];
    assert_eq!(fields, expected);
    assert!(given[1].0.has(END_STREAM) && given.last().is_some_and(|(frame, _)| frame.has(END_HEADERS)));
}

#[test]
fn trailers_that_are_none_reset_their_stream() {
    for bad in [(":path", "/c"), ("X-A", "b"), ("connection", "close"), ("x-a", "b\r\n")] {
        let mut encoder = Encoder::new();
        let mut sent = Vec::new();
        write(&mut sent, HEADERS, END_HEADERS, 1, &encoded(&mut encoder, &HEAD));
        write(&mut sent, HEADERS, END_HEADERS | END_STREAM, 1, &encoded(&mut encoder, &[bad]));
        let given = read(&given(&sent, 1000, &Heads::default()).expect("frames"));
        let mut decoder = Decoder::new();
        let blocks: Vec<_> = given.iter().map(|(_, block)| decoder.decode(block).expect("a block")).collect();
        assert_eq!(blocks[1], [(b"connection".to_vec(), b"close".to_vec())], "{bad:?}");
    }
}

#[test]
fn a_few_bytes_that_stand_for_many_are_refused() {
    let mut encoder = Encoder::new();
    let value = "x".repeat(4000);
    let mut sent = Vec::new();
    let mut block = encoded(&mut encoder, &[&HEAD[..4], &[("x-bomb", &value)]].concat());
    // The newest entry of the table, again and again.
    block.resize(MAX_FRAME, 0x80 | 62);
    write(&mut sent, HEADERS, END_HEADERS | END_STREAM, 1, &block);
    let heads = Heads::default();
    given(&sent, sent.len(), &heads).expect("frames");
    assert_eq!(heads.of_stream(1).expect("a head").expect_err("a refusal").status, 431);
}

#[test]
fn what_cannot_be_told_apart_ends_the_connection() {
    let frame = |kind, flags, stream, payload: &[u8]| {
        let mut sent = Vec::new();
        write(&mut sent, kind, flags, stream, payload);
        sent
    };
    let head = frame(HEADERS, 0, 1, &[0x82]);
    let cases = [
        ("no such entry", frame(HEADERS, END_HEADERS, 1, &[0xff, 0x7f])),
        ("a cut integer", frame(HEADERS, END_HEADERS, 1, &[0xff])),
        ("a cut string", frame(HEADERS, END_HEADERS, 1, &[0x00, 0x05, b'x'])),
        ("a literal without a name", frame(HEADERS, END_HEADERS, 1, &[0x00])),
        ("a table that is too large", frame(HEADERS, END_HEADERS, 1, &[0x3f, 0xe2, 0x1f, 0x82])),
        ("more padding than there is", frame(HEADERS, PADDED | END_HEADERS, 1, &[9, 0x82])),
        ("no continuation", [head.clone(), frame(0, 0, 1, b"x")].concat()),
        ("a continuation of another", [head.clone(), frame(CONTINUATION, END_HEADERS, 3, &[0x82])].concat()),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &[0x82])),
        ("a promise", frame(5, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
        ("a frame that is too long", frame(HEADERS, END_HEADERS, 1, &[0x82; MAX_FRAME + 1])),
        ("a block without end", [head, frame(CONTINUATION, 0, 1, &[0; MAX_FRAME]).repeat(4)].concat()),
    ];
    for (name, sent) in cases {
        assert_eq!(given(&sent, sent.len(), &Heads::default()), Err(Fault), "{name}");
    }
}
