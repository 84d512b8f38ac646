use super::{Profile, is_media_type};
use crate::algorithm::Algorithm;

const TYPES: [Option<&str>; 13] = [
    None,
    Some("JWT"),
    Some("jwt"),
    Some("JOSE"),
    Some("at+jwt"),
    Some("AT+JWT"),
    Some("application/at+jwt"),
    Some("application/jwt"),
    Some("dpop+jwt"),
    Some("secevent+jwt"),
    Some("id+jwt"),
    Some("wit+jwt"),
    Some(""),
];

fn accepted(profile: Profile) -> Vec<Option<&'static str>> {
    TYPES.into_iter().filter(|typ| profile.accepts_type(*typ)).collect()
}

#[test]
fn each_profile_has_its_types() {
    assert_eq!(accepted(Profile::AtJwt), [Some("at+jwt"), Some("AT+JWT"), Some("application/at+jwt")]);
    assert_eq!(accepted(Profile::Generic), [None, Some("JWT"), Some("jwt"), Some("application/jwt")]);
    assert_eq!(accepted(Profile::JwtSvid), [None, Some("JWT"), Some("JOSE")]);
}

#[test]
fn media_types_compare_as_rfc_7515_says() {
    assert!(is_media_type("at+jwt", "application/at+jwt"));
    assert!(is_media_type("Application/AT+JWT", "at+jwt"));
    assert!(!is_media_type("application/example;part=1/2", "example;part=1/2"));
    assert!(!is_media_type("text/at+jwt", "at+jwt"));
    assert!(!is_media_type("application/application/at+jwt", "at+jwt"));
    assert!(!is_media_type("", "at+jwt"));
}

#[test]
fn only_svids_are_picky_about_algorithms() {
    for algorithm in Algorithm::ALL {
        assert!(Profile::AtJwt.accepts_algorithm(algorithm));
        assert!(Profile::Generic.accepts_algorithm(algorithm));
        assert_eq!(Profile::JwtSvid.accepts_algorithm(algorithm), algorithm != Algorithm::EdDsa);
    }
}
