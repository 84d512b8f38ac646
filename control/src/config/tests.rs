use super::*;

const GOOD: &str = "
version: 1
public_url: http://127.0.0.1:10100/
state: state
gateways: [{ name: demo, token_file: gateway.token }]
groups: [{ name: release-managers, quorum: 2 }, { name: security }]
limits: { pending: 10m }
people: [{ id: demo/bob@demo, name: Bob, groups: [release-managers] }]
";

#[test]
fn paths_are_relative_to_the_file_and_the_rest_has_defaults() {
    let config = Config::parse(GOOD, Path::new("/etc/actgate")).unwrap();
    assert_eq!(config.state, Path::new("/etc/actgate/state"));
    assert_eq!(config.public_url, "http://127.0.0.1:10100");
    assert_eq!((config.quorum("release-managers"), config.quorum("security")), (Some(2), Some(1)));
    assert_eq!(config.quorum("unknown"), None);
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
