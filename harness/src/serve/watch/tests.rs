use std::fs;

use super::Files;
use crate::serve::{Environment, Field, Served};

const CONFIG: &str = "\
version: 1
issuers: [{ alias: a, issuer: https://a, audiences: [x], jwks: keys.json }]
services: [{ name: one, prefix: /one/, adapter: rest, pack: pack }]
";

#[test]
fn every_file_counts_and_those_that_come_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    fs::create_dir_all(folder.path().join("pack/cases")).expect("a folder");
    write("actgate.yaml", CONFIG);
    write("token", "a");
    let field = Field {
        upstream: "one".to_owned(),
        name: "x-a".to_owned(),
        value: String::new(),
        file: Some(folder.path().join("token")),
    };
    let served = Served {
        config: folder.path().join("actgate.yaml"),
        upstreams: Vec::new(),
        fields: vec![field],
        environment: Environment::default(),
    };
    let mut before = Files::now(&served, &Files::default());
    assert_eq!(Files::now(&served, &before), before, "nothing has changed");
    let steps: [(&str, &str); 7] = [
        ("pack/catalog.yaml", "service: one"),
        ("pack/catalog.yaml", "service: two"),
        ("pack/more.cedar", ""),
        ("keys.json", "{}"),
        ("token", "bb"),
        ("actgate.yaml", "version: ["),
        ("pack/more.cedar", "// while the configuration cannot be read"),
    ];
    for (name, text) in steps {
        write(name, text);
        let now = Files::now(&served, &before);
        assert_ne!(now, before, "{name}");
        before = now;
    }
    fs::remove_file(folder.path().join("pack/more.cedar")).expect("a file");
    assert_ne!(Files::now(&served, &before), before);
}
