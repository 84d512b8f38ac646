use super::*;

const GOOD: &str = "
version: 1
public_url: http://127.0.0.1:10100/
state: state
gateways: [{ name: demo, token_file: gateway.token }]
groups: [{ name: release-managers, quorum: 2 }, { name: security }]
limits: { pending: 10m }
ledger: { otlp: { endpoint: 'https://collector:4318', headers: { authorization: { file: otlp.token }, x-tenant: a } } }
people: [{ id: demo/bob@demo, name: Bob, groups: [release-managers] }]
oidc:
  issuer: https://login.example.com
  client_id: actgate
  client_secret_file: oidc.secret
  alias: demo
  claims: { id: /sub }
  groups: { security: [sec] }
";

#[test]
fn paths_are_relative_to_the_file_and_the_rest_has_defaults() {
    let config = Config::parse(GOOD, Path::new("/etc/actgate")).unwrap();
    assert_eq!(config.state, Path::new("/etc/actgate/state"));
    assert_eq!(config.public_url, "http://127.0.0.1:10100");
    assert_eq!((config.quorum("release-managers"), config.quorum("security")), (Some(2), Some(1)));
    assert_eq!(config.quorum("unknown"), None);
    let oidc = config.oidc.as_ref().unwrap();
    assert_eq!(oidc.client_secret_file.as_deref(), Some(Path::new("/etc/actgate/oidc.secret")));
    assert_eq!((oidc.claims.id.as_str(), oidc.claims.groups.as_str()), ("/sub", "/groups"));
    let otlp = config.ledger.otlp.as_ref().unwrap();
    assert!(
        matches!(&otlp.headers["authorization"], HeaderSource::File(from) if from.file == Path::new("/etc/actgate/otlp.token"))
    );
    assert_eq!(otlp.signals().count(), 2);
    assert!(!format!("{:?}", config.ledger).contains("otlp.token"));
    assert_eq!((config.limits.pending.seconds(), config.limits.approved.seconds()), (600, 900));
}

#[test]
fn what_is_not_understood_is_refused() {
    let changes = [
        ("version: 1", "version: 2"),
        ("state: state", "state: state\nqourum: 1"),
        ("quorum: 2", "quorum: 0"),
        ("name: security", "name: release-managers"),
        ("groups: [release-managers]", "groups: [relase-managers]"),
        ("https://login.example.com", "http://login.example.com"),
        ("https://login.example.com", "http://localhost.evil.test"),
        ("https://login.example.com", "http://127.0.0.1@evil.test"),
        ("https://login.example.com", "https:///"),
        ("alias: demo", "alias: demo/x"),
        ("alias: demo", "alias: ''"),
        ("client_id: actgate", "client: actgate"),
        ("id: /sub", "id: sub"),
        ("{ security: [sec] }", "{ securty: [sec] }"),
        ("https://collector:4318", "collector:4318"),
        ("https://collector:4318", "https:///v1"),
        ("{ file: otlp.token }", "{ path: otlp.token }"),
        ("x-tenant: a }", "x-tenant: a }, signals: []"),
        ("x-tenant: a }", "x-tenant: a }, signals: [metrics]"),
        ("pending: 10m", "pending: 10"),
        ("pending: 10m", "pending: 0s"),
        ("http://127.0.0.1:10100/", "127.0.0.1:10100"),
        ("http://127.0.0.1:10100/", "http://127.0.0.1:10100/console"),
    ];
    for (from, to) in changes {
        let changed = GOOD.replacen(from, to, 1);
        assert_ne!(changed, GOOD, "{from}");
        Config::parse(&changed, Path::new("")).unwrap_err();
    }
}
