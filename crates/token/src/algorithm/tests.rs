use super::{Algorithm, UnknownAlgorithm};

#[test]
fn names_are_read_back() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
        assert_eq!(algorithm.code(), algorithm.to_string());
    }
    assert_eq!("Ed25519".parse(), Ok(Algorithm::EdDsa), "RFC 9864");
}

#[test]
fn other_names_are_unknown() {
    let names = [
        "",
        "none",
        "None",
        "NONE",
        "noNE",
        "HS256",
        "HS384",
        "HS512",
        "es256",
        "Es256",
        " ES256",
        "ES256 ",
        "ES256K",
        "ES512",
        "PS384",
        "PS512",
        "RS384",
        "RS512",
        "rs256",
        "eddsa",
        "EDDSA",
        "Ed448",
        "RSA-OAEP",
        "ML-DSA-44",
    ];
    for name in names {
        assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
    }
}
