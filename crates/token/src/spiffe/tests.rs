use super::{InvalidSpiffeId, MAX_BYTES, SpiffeId, trust_domain_of};

#[test]
fn workload_ids_are_read() {
    let id = SpiffeId::parse("spiffe://prod_1.example-2.org/ns/Default/sa/web.api_v-1").unwrap();
    assert_eq!(id.trust_domain(), "prod_1.example-2.org");
    assert_eq!(id.path(), "ns/Default/sa/web.api_v-1");
    assert!(SpiffeId::parse("spiffe://demo/...").is_ok(), "three dots are a segment");
}

#[test]
fn other_forms_are_refused_and_not_normalised() {
    let ids = [
        "",
        "demo/agent",
        "spiffe:demo/agent",
        "spiffe:/demo/agent",
        "SPIFFE://demo/agent",
        "Spiffe://demo/agent",
        "https://demo/agent",
        " spiffe://demo/agent",
        "spiffe://demo/agent ",
        "spiffe://",
        "spiffe:///agent",
        "spiffe://demo",
        "spiffe://demo/",
        "spiffe://demo/agent/",
        "spiffe://demo//agent",
        "spiffe://demo/./agent",
        "spiffe://demo/../agent",
        "spiffe://demo/agent/..",
        "spiffe://Demo/agent",
        "spiffe://demo:443/agent",
        "spiffe://user@demo/agent",
        "spiffe://d%65mo/agent",
        "spiffe://démo/agent",
        "spiffe://demo/%61gent",
        "spiffe://demo/agent?x",
        "spiffe://demo/agent#x",
        "spiffe://demo/agént",
        "spiffe://demo/a\\b",
        "spiffe://demo/a\0b",
        "spiffe://demo/a b",
        "spiffe://demo/a:b",
        "spiffe://demo/a@b",
    ];
    for id in ids {
        assert_eq!(SpiffeId::parse(id), Err(InvalidSpiffeId), "{id}");
    }
}

#[test]
fn lengths_are_bounded() {
    let id = |bytes: usize| format!("{:a<bytes$}", "spiffe://demo/");
    assert!(SpiffeId::parse(&id(MAX_BYTES)).is_ok());
    assert_eq!(SpiffeId::parse(&id(MAX_BYTES + 1)), Err(InvalidSpiffeId));
    assert!(SpiffeId::parse(&format!("spiffe://{}/a", "d".repeat(255))).is_ok());
    assert_eq!(SpiffeId::parse(&format!("spiffe://{}/a", "d".repeat(256))), Err(InvalidSpiffeId));
}

#[test]
fn a_trust_domain_has_no_path() {
    assert_eq!(trust_domain_of("spiffe://example.org"), Some("example.org"));
    for id in [
        "spiffe://",
        "spiffe://example.org/",
        "spiffe://example.org/a",
        "example.org",
        "spiffe://Example.org",
    ] {
        assert_eq!(trust_domain_of(id), None, "{id}");
    }
}
