use super::*;
use crate::text::SourceText;

fn read(yaml: &str) -> Result<Vec<Issuer>, Vec<Diagnostic>> {
    issuers(&Document::parse(SourceText::new("actgate.yaml", yaml)).unwrap(), Path::new("demo"))
}

#[track_caller]
fn refused(yaml: &str, line: usize, message: &str) {
    let findings = read(yaml).unwrap_err();
    assert_eq!(findings[0].position.unwrap().line, line, "{yaml}");
    assert_eq!(findings[0].message, message, "{yaml}");
}

#[test]
fn issuers_are_read_with_their_defaults() {
    let yaml = "
issuers:
  - {alias: demo, issuer: https://issuer.demo, audiences: [a, b], kind: delegated, jwks: ../keys/demo.jwks.json}
  - {alias: spire, issuer: spiffe://demo, kind: workload, profile: jwt-svid, algorithms: [EdDSA, RS256], jwks: {keys: []}}
";
    let issuers = read(yaml).unwrap();
    assert_eq!(
        issuers[0],
        Issuer {
            alias: "demo".into(),
            issuer: "https://issuer.demo".into(),
            audiences: vec!["a".into(), "b".into()],
            delegated: true,
            profile: Profile::AtJwt,
            algorithms: vec![Algorithm::Es256],
            key_set: Some(PathBuf::from("keys/demo.jwks.json")),
        }
    );
    assert_eq!(issuers[1].profile, Profile::JwtSvid);
    assert_eq!(issuers[1].algorithms, [Algorithm::EdDsa, Algorithm::Rs256]);
    assert_eq!(issuers[1].key_set, None);
}

#[test]
fn what_is_missing_or_wrong_has_its_line() {
    refused("version: 1\n", 1, "no `issuers`");
    refused("issuers:\n  - alias: demo\n", 2, "missing `issuer`");
    refused(
        "issuers:\n  - alias: ../x\n    issuer: i\n",
        2,
        "alias `../x` is not made of letters, digits, `-`, `_`, `.`",
    );
    refused(
        "issuers:\n  - alias: a\n    issuer: i\n    algorithms:\n      - ES255\n",
        5,
        "algorithm `ES255` is not one of EdDSA, ES256, ES384, RS256, PS256",
    );
    refused(
        "issuers:\n  - alias: a\n    profile: jwt\n",
        3,
        "not one of `at+jwt`, `jwt-svid`, `generic`, `github-actions`, `kubernetes`",
    );
}
