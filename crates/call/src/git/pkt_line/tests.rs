use proptest::prelude::*;

use super::*;

/// Everything that can be cut from `bytes`, as text.
fn cut(bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = PacketReader::default();
    reader.push(bytes);
    let mut found = Vec::new();
    loop {
        match reader.next_packet() {
            Ok(Some(Packet::Data(data))) => found.push(String::from_utf8_lossy(data).into_owned()),
            Ok(Some(special)) => found.push(format!("{special:?}")),
            Ok(None) => break,
            Err(error) => return Err(error.code().to_owned()),
        }
    }
    let rest = String::from_utf8_lossy(reader.rest()).into_owned();
    if !rest.is_empty() {
        found.push(format!("<{rest}>"));
    }
    Ok(found)
}

#[test]
fn packets_are_cut_at_their_lengths() {
    for (bytes, expected) in [
        ("", ""),
        ("0000", "Flush"),
        ("00010002", "Delimiter ResponseEnd"),
        ("0005a0006bc0000", "a bc Flush"),
        ("0009hello0000", "hello Flush"),
        ("0008a\nb", "<0008a\nb>"),
        ("0005a00", "a <00>"),
        ("000", "<000>"),
    ] {
        assert_eq!(cut(bytes.as_bytes()).map(|found| found.join(" ")).as_deref(), Ok(expected), "{bytes}");
    }
    // What follows a list is its reader's business: as a packet it is none.
    assert_eq!(cut(b"0000PACK"), Err("git_framing_invalid".to_owned()));
}

#[test]
fn a_wrong_length_is_refused_as_soon_as_it_shows() {
    for bytes in [
        "g", "0g", "00x", "000G", "0003", "0004", "000A", "00 5", "+005", "-001", "0x05", "fff1", "ffff",
        "PACK",
    ] {
        assert_eq!(cut(bytes.as_bytes()), Err("git_framing_invalid".to_owned()), "{bytes}");
    }
    let longest = [b"fff0".as_slice(), &vec![b'x'; MAX_PACKET_BYTES - 4]].concat();
    assert_eq!(cut(&longest).map(|found| found.len()), Ok(1));
}

proptest! {
    #[test]
    fn how_bytes_arrive_changes_nothing(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..12),
        size in 1_usize..50,
    ) {
        let mut bytes = Vec::new();
        for payload in &payloads {
            bytes.extend(format!("{:04x}", payload.len().saturating_add(4)).into_bytes());
            bytes.extend(payload);
        }
        let mut reader = PacketReader::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            reader.push(piece);
            while let Some(packet) = reader.next_packet().unwrap() {
                let Packet::Data(data) = packet else { panic!("{packet:?}") };
                found.push(data.to_vec());
            }
        }
        prop_assert_eq!(found, payloads);
        prop_assert!(reader.rest().is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic_or_hold_more_than_came(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut reader = PacketReader::default();
        let mut read = 0_usize;
        for byte in &bytes {
            reader.push(&[*byte]);
            loop {
                match reader.next_packet() {
                    Ok(Some(Packet::Data(data))) => read = read.saturating_add(data.len()).saturating_add(4),
                    Ok(Some(_)) => read = read.saturating_add(4),
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
        }
        prop_assert_eq!(reader.rest().len().saturating_add(read), bytes.len());
    }
}
