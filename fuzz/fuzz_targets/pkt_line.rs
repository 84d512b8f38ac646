//! The packet reader: no bytes make it panic, and how they arrive changes nothing.

#![no_main]

use actgate_call::git::pkt_line::{Packet, PacketReader};
use libfuzzer_sys::fuzz_target;

/// Every packet, and whether the reader refused what follows.
fn cut(bytes: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
    let mut reader = PacketReader::default();
    let mut found = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        reader.push(piece);
        loop {
            match reader.next_packet() {
                Ok(Some(Packet::Data(data))) => found.push(data.to_vec()),
                Ok(Some(Packet::Flush)) => found.push(b"flush".to_vec()),
                Ok(Some(Packet::Delimiter)) => found.push(b"delimiter".to_vec()),
                Ok(Some(Packet::ResponseEnd)) => found.push(b"response end".to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = cut(bytes, bytes.len());
    assert_eq!(whole, cut(bytes, usize::from(size)));
    assert_eq!(whole, cut(bytes, 1));
});
