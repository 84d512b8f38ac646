use super::Upstream;

#[test]
fn an_upstream_is_a_host_and_a_port() {
    let address = |url| Upstream::parse(url).map(|upstream| upstream.address);
    assert_eq!(address("http://127.0.0.1:8200"), Ok("127.0.0.1:8200".to_owned()));
    assert_eq!(address("http://[::1]:8200/"), Ok("[::1]:8200".to_owned()));
    assert_eq!(address("http://localhost"), Ok("localhost:80".to_owned()));
    for url in
        ["", "127.0.0.1:8200", "http://", "http://h/base", "http://h?x", "http://a@h", "https://h", "ftp://h"]
    {
        assert!(address(url).is_err(), "{url}");
    }
}

#[test]
fn a_credential_is_never_shown() {
    let mut upstream = Upstream::parse("http://h:1").expect("an upstream");
    upstream.add("X-Vault-Token", "one").expect("a header");
    upstream.add("x-vault-token", "secret-7f3a").expect("a header");
    assert_eq!(upstream.fields.len(), 1);
    assert!(!format!("{upstream:?}").contains("secret-7f3a"));
    let error = upstream.add("x-a", "secret-7f3a\n").expect_err("no value");
    assert!(!error.contains("secret-7f3a"), "{error}");
}
