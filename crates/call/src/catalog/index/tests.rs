use std::convert::Infallible;

use serde_json::json;

use crate::fixture::{catalog, plain};

fn overlaps(one: &str, other: &str) -> bool {
    let both = |first, second| catalog(plain(&[("GET", first), ("GET", second)])).is_err();
    let found = both(one, other);
    assert_eq!(found, both(other, one), "order must not matter: {one} {other}");
    found
}

fn find(routes: &[(&str, &str)], method: &str, path: &str) -> Option<usize> {
    let catalog = catalog(plain(routes)).unwrap();
    let Ok(found) = catalog.index().find::<Infallible>(method, path, |_| Ok(None));
    found
}

#[test]
fn templates_that_share_a_path_overlap() {
    for (one, other) in [
        ("/a", "/a"),
        ("/", "/"),
        ("/{x}", "/a"),
        ("/{x}", "/{y}"),
        ("/{x}", "/{y:encoded}"),
        ("/{x:encoded}", "/a"),
        ("/{x...}", "/a"),
        ("/{x...}", "/{y}"),
        ("/{x...}", "/a/b/c"),
        ("/{x...}", "/a/{y...}"),
        ("/{x...}", "/{y...}"),
        ("/{x...}", "/{y:encoded}"),
        ("/a/{x}/c", "/a/b/{y}"),
        ("/{x}/b", "/a/{y}"),
        ("/a/{x...}", "/{y}/b/c"),
        ("/a/{x}", "/a/{y...}"),
        ("/a/", "/{x}/"),
        ("/{x...}/", "/a/b/"),
        ("/{a}/{b}/{c}", "/{d}/x/{e:encoded}"),
    ] {
        assert!(overlaps(one, other), "{one} {other}");
    }
}

#[test]
fn templates_without_a_common_path_stand_beside_each_other() {
    for (one, other) in [
        ("/a", "/b"),
        ("/a", "/a/"),
        ("/a", "/a/b"),
        ("/", "/{x...}"),
        ("/{x}", "/{x}/"),
        ("/{x}", "/{x}/{y}"),
        ("/{x...}", "/{x...}/"),
        ("/a/{x...}", "/a"),
        ("/a/{x...}", "/b/{x...}"),
        ("/a/{x}/c", "/a/b/d"),
        ("/a/{x}/c", "/a/{y}/d"),
        ("/a/{x...}", "/{y}"),
    ] {
        assert!(!overlaps(one, other), "{one} {other}");
    }
    assert!(catalog(plain(&[("GET", "/{x}"), ("PUT", "/{x}")])).is_ok());
}

#[test]
fn the_one_route_is_found() {
    let routes = [
        ("GET", "/"),
        ("GET", "/a/{x}/c"),
        ("GET", "/a/b/d"),
        ("GET", "/a/b/d/"),
        ("GET", "/files/{x...}"),
        ("GET", "/files/{x...}/"),
        ("GET", "/repos/{x:encoded}/tags"),
        ("PUT", "/a/b/d"),
    ];
    let table: &[(&str, &str, Option<usize>)] = &[
        ("GET", "/", Some(0)),
        ("GET", "", None),
        ("GET", "/a", None),
        ("GET", "/a/b/c", Some(1)),
        ("GET", "/a/b/d", Some(2)),
        ("GET", "/a/b/d/", Some(3)),
        ("GET", "/a/b/c/", None),
        ("GET", "/a/x/d", None),
        ("GET", "/a/x%2Fy/c", None),
        ("GET", "/files", None),
        ("GET", "/files/", None),
        ("GET", "/files/x", Some(4)),
        ("GET", "/files/x/y/z", Some(4)),
        ("GET", "/files/x/y/", Some(5)),
        ("GET", "/files/x%2Fy", None),
        ("GET", "/files/x/y%2Fz", None),
        ("GET", "/repos/x/tags", Some(6)),
        ("GET", "/repos/x%2Fy/tags", Some(6)),
        ("GET", "/repos/x/y/tags", None),
        ("GET", "/A/b/d", None),
        ("GET", "/a/%62/d", None),
        ("PUT", "/a/b/d", Some(7)),
        ("put", "/a/b/d", None),
        ("POST", "/", None),
    ];
    for (method, path, route) in table {
        assert_eq!(find(&routes, method, path), *route, "{method} {path}");
    }
}

fn by_header(routes: &[(&str, Option<(&str, &str)>)]) -> serde_json::Value {
    let mut document = plain(&routes.iter().map(|(path, _)| ("POST", *path)).collect::<Vec<_>>());
    for (index, (_, header)) in routes.iter().enumerate() {
        if let Some((name, value)) = header {
            document["routes"][index]["header"] = json!({ "name": name, "value": value });
        }
    }
    document
}

#[test]
fn headers_tell_routes_of_one_path_apart() {
    let target = |value| Some(("x-amz-target", value));
    let catalog =
        catalog(by_header(&[("/", target("T.Get")), ("/", target("T.Put")), ("/{x}", target("T.Get"))]))
            .unwrap();
    let find = |path: &str, value: Option<&'static str>| {
        let Ok(found) = catalog.index().find::<Infallible>("POST", path, |name| {
            assert_eq!(name, "x-amz-target");
            Ok(value.map(str::as_bytes))
        });
        found
    };
    assert_eq!(find("/", Some("T.Get")), Some(0));
    assert_eq!(find("/", Some("T.Put")), Some(1));
    assert_eq!(find("/a", Some("T.Get")), Some(2));
    assert_eq!(find("/a", Some("T.Put")), None);
    assert_eq!(find("/", Some("t.get")), None);
    assert_eq!(find("/", None), None);
}

#[test]
fn headers_that_a_request_can_have_together_tell_nothing_apart() {
    let a = |value| Some(("x-a", value));
    let overlaps = |one, other| catalog(by_header(&[one, other])).is_err();
    assert!(overlaps(("/", a("1")), ("/", a("1"))));
    assert!(overlaps(("/", a("1")), ("/", None)));
    assert!(overlaps(("/", None), ("/", a("1"))));
    assert!(overlaps(("/", a("1")), ("/", Some(("x-b", "1")))));
    assert!(overlaps(("/{x}", a("1")), ("/a", None)));
    assert!(!overlaps(("/{x}", a("1")), ("/a", a("2"))));
    assert!(!overlaps(("/", a("1")), ("/", a("2"))));
}

#[test]
fn thousands_of_routes_are_found_and_told_apart() {
    let paths: Vec<String> = (0..5_000).map(|n| format!("/v1/s{}/{{id}}/op{n}", n % 50)).collect();
    let routes: Vec<(&str, &str)> = paths.iter().map(|path| ("GET", path.as_str())).collect();
    let document = plain(&routes);
    let catalog = catalog(document).unwrap();
    for n in (0..5_000).step_by(7) {
        let path = format!("/v1/s{}/x/op{n}", n % 50);
        let Ok(found) = catalog.index().find::<Infallible>("GET", &path, |_| Ok(None));
        assert_eq!(found, Some(n));
    }
}

/// Overlap by its definition: some path of a small world that both templates match.
mod definition {
    use proptest::prelude::*;

    use super::{Infallible, catalog, overlaps, plain};
    use crate::catalog::Catalog;

    fn template() -> impl Strategy<Value = String> {
        let segment = prop_oneof!["a", "b", Just("{}".to_owned()), Just("{:encoded}".to_owned())];
        (prop::collection::vec(segment, 0..4), any::<bool>(), any::<bool>()).prop_map(
            |(segments, rest, slash)| {
                let mut text = String::new();
                for (index, segment) in segments.iter().enumerate() {
                    text.push('/');
                    text.push_str(&segment.replacen('{', &format!("{{p{index}"), 1));
                }
                if rest {
                    text.push_str("/{rest...}");
                }
                if slash || text.is_empty() {
                    text.push('/');
                }
                text
            },
        )
    }

    fn paths() -> Vec<String> {
        let mut all = vec![String::new()];
        let mut longest = all.clone();
        for _ in 0..4 {
            longest = longest
                .iter()
                .flat_map(|path| ["a", "b", "c", "c%2Fd"].map(|last| format!("{path}/{last}")))
                .collect();
            all.extend(longest.iter().cloned());
        }
        all.iter().flat_map(|path| [path.clone(), format!("{path}/")]).collect()
    }

    fn found(catalog: &Catalog, path: &str) -> bool {
        let Ok(found) = catalog.index().find::<Infallible>("GET", path, |_| Ok(None));
        found.is_some()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn overlap_is_a_common_path(one in template(), other in template()) {
            let [first, second] = [&one, &other].map(|template| catalog(plain(&[("GET", template)])).unwrap());
            let common = paths().into_iter().find(|path| found(&first, path) && found(&second, path));
            prop_assert_eq!(overlaps(&one, &other), common.is_some(), "{} {} {:?}", one, other, common);
        }
    }
}
