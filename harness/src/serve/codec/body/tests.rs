use super::Body;

/// What comes out, how much was taken and what is left to come, whatever the pieces.
fn played(body: &Body, input: &[u8]) -> (String, usize, bool) {
    let mut outcomes = Vec::new();
    for size in [1, 2, 7, input.len()] {
        let (mut body, mut output, mut taken) = (body.clone(), Vec::new(), 0);
        for piece in input.chunks(size) {
            let count = body.take(piece, &mut output);
            taken = usize::saturating_add(taken, count);
            if count < piece.len() {
                break;
            }
        }
        outcomes.push((String::from_utf8_lossy(&output).into_owned(), taken, body == Body::Over));
    }
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]), "{outcomes:?}");
    outcomes.remove(0)
}

#[test]
fn a_length_is_counted() {
    assert_eq!(played(&Body::Length(3), b"abcdef"), ("abc".to_owned(), 3, true));
    assert_eq!(played(&Body::Length(9), b"abcdef"), ("abcdef".to_owned(), 6, false));
}

#[test]
fn chunks_lose_extensions_and_trailers_and_nothing_else() {
    let input = b"3;a=b\r\nabc\r\nA \r\n0123456789\r\n0\r\nx-vault-token: root\r\n\r\nGET /";
    let output = "3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n".to_owned();
    assert_eq!(played(&Body::Size(Vec::new()), input), (output, input.len() - 5, true));
}

#[test]
fn what_is_no_chunk_breaks_the_body() {
    for input in ["x\r\n", "\r\n", "-1\r\n", "3\nabc", "1\r\nab\r\n", "fffffffffffffffff\r\n"] {
        let (output, _, over) = played(&Body::Size(Vec::new()), input.as_bytes());
        assert!(output.ends_with("!\r\n") && !over, "{input:?} gave {output:?}");
    }
}
