use serde_json::json;

use super::Thumbprint;

const OCTETS: [u8; 32] = [0xa7; 32];
const HEX: &[u8] = b"a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7";

#[test]
fn hexadecimal_is_read_or_not() {
    assert_eq!(Thumbprint::from_hex(HEX), Some(Thumbprint(OCTETS)));
    assert_eq!(Thumbprint::from_hex(&HEX.to_ascii_uppercase()), Some(Thumbprint(OCTETS)));
    for wrong in [&b""[..], &HEX[1..], &HEX[2..], &HEX.repeat(2), &[b'g'; 64], &[0xff; 64], b"a7:a7"] {
        assert_eq!(Thumbprint::from_hex(wrong), None);
    }
}

/// The examples of RFC 7638 section 3.1 and RFC 8037 appendix A.3.
#[test]
fn the_published_thumbprints_come_out() {
    let rsa = json!({
        "kty": "RSA",
        "n": concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM",
            "stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5",
            "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
    });
    let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let of =
        |jwk: &serde_json::Value| Thumbprint::of_key(jwk.as_object().unwrap()).map(|print| print.to_string());
    assert_eq!(of(&rsa).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    assert_eq!(of(&okp).as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    assert_eq!(of(&json!({ "kty": "oct", "k": "AAAA" })), None);
}
