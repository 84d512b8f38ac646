use std::convert::Infallible;

use serde_json::json;

use super::Traits;
use crate::{
    catalog::Catalog,
    fixture::{catalog, plain},
};

/// A request without the headers and with the query parameters that somebody asks for.
#[derive(Default)]
struct Has {
    header: Option<(&'static str, &'static str)>,
    parameters: &'static [&'static str],
}

impl Traits for Has {
    type Error = Infallible;

    fn header(&self, name: &str) -> Result<Option<&[u8]>, Infallible> {
        Ok(self.header.filter(|(own, _)| *own == name).map(|(_, value)| value.as_bytes()))
    }

    fn has_parameter(&self, name: &str) -> bool {
        self.parameters.contains(&name)
    }
}

fn look(catalog: &Catalog, method: &str, path: &str, has: &Has) -> Option<usize> {
    let Ok(found) = catalog.index().find(method, path, has);
    found
}

fn overlaps(one: &str, other: &str) -> bool {
    let both = |first, second| catalog(plain(&[("GET", first), ("GET", second)])).is_err();
    let found = both(one, other);
    assert_eq!(found, both(other, one), "order must not matter: {one} {other}");
    found
}

fn find(routes: &[(&str, &str)], method: &str, path: &str) -> Option<usize> {
    look(&catalog(plain(routes)).unwrap(), method, path, &Has::default())
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
        let header = value.map(|value| ("x-amz-target", value));
        look(&catalog, "POST", path, &Has { header, ..Has::default() })
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

fn by_query(routes: &[(&str, &[&str])]) -> serde_json::Value {
    let mut document = plain(&routes.iter().map(|(path, _)| ("POST", *path)).collect::<Vec<_>>());
    for (index, (_, names)) in routes.iter().enumerate() {
        document["routes"][index]["present"] = json!(names);
    }
    document
}

#[test]
fn what_is_in_the_query_tells_routes_of_one_path_apart() {
    let catalog = catalog(by_query(&[("/", &[]), ("/", &["from", "mount"]), ("/", &["digest"])])).unwrap();
    let find = |parameters| look(&catalog, "POST", "/", &Has { parameters, ..Has::default() });
    assert_eq!(find(&[]), Some(0));
    assert_eq!(find(&["other"]), Some(0));
    assert_eq!(find(&["mount", "from"]), Some(1));
    assert_eq!(find(&["from", "mount", "other"]), Some(1));
    assert_eq!(find(&["digest"]), Some(2));
    for neither in [&["from"][..], &["mount"], &["digest", "mount"], &["digest", "from", "mount"]] {
        let found = look(&catalog, "POST", "/", &Has { parameters: leak(neither), ..Has::default() });
        assert_eq!(found, None, "{neither:?}");
    }
}

fn leak(names: &[&'static str]) -> &'static [&'static str] {
    Vec::leak(names.to_vec())
}

#[test]
fn queries_that_a_request_can_have_together_tell_nothing_apart() {
    let overlaps = |one, other| catalog(by_query(&[one, other])).is_err();
    assert!(overlaps(("/", &["a"]), ("/", &["a"])));
    assert!(overlaps(("/", &["a", "b"]), ("/", &["b", "a"])));
    assert!(overlaps(("/{x}", &["a"]), ("/b", &[])), "another template does not know of `a`");
    assert!(overlaps(("/b", &[]), ("/{x}", &["a"])));
    assert!(overlaps(("/{x}", &["a"]), ("/b", &["b"])));
    assert!(overlaps(("/{x...}", &["a"]), ("/{y}", &["b"])));
    assert!(overlaps(("/{x...}/t", &["a"]), ("/{y}/t", &["b"])));
    assert!(!overlaps(("/", &["a"]), ("/", &[])));
    assert!(!overlaps(("/", &[]), ("/", &["a"])));
    assert!(!overlaps(("/{x}", &["a"]), ("/{y}", &["b"])));
    assert!(!overlaps(("/{x...}", &["a"]), ("/{y...}", &["b"])));
    assert!(!overlaps(("/{x...}/t", &["a"]), ("/{y...}/t", &["a", "b"])));
    let mut mixed = by_query(&[("/", &["a"]), ("/", &[])]);
    mixed["routes"][1]["header"] = json!({ "name": "x-a", "value": "1" });
    assert!(catalog(mixed).is_err(), "a request can have both");
}

#[test]
fn fixed_segments_end_what_stands_for_several() {
    let routes = [
        ("GET", "/"),
        ("GET", "/{name...}/manifests/{reference}"),
        ("GET", "/{name...}/blobs/{digest}"),
        ("GET", "/{name...}/blobs/uploads/{id}"),
        ("GET", "/{name...}/tags/list"),
        ("POST", "/{name...}/blobs/uploads/"),
        ("GET", "/by/{who}/{name...}/x/{y:encoded}"),
    ];
    let table: &[(&str, &str, Option<usize>)] = &[
        ("GET", "/", Some(0)),
        ("GET", "/a/manifests/b", Some(1)),
        ("GET", "/a/b/c/manifests/d", Some(1)),
        ("GET", "/a/b/blobs/sha256:0", Some(2)),
        ("GET", "/a/b/blobs/uploads/0", Some(3)),
        ("GET", "/a/tags/list", Some(4)),
        ("POST", "/a/b/blobs/uploads/", Some(5)),
        ("GET", "/by/me/a/b/x/c%2Fd", Some(6)),
        ("GET", "/manifests/b", None),
        ("GET", "/a/manifests", None),
        ("GET", "/a/manifests/", None),
        ("GET", "/a/manifests/b/", None),
        ("GET", "/a/manifests/b/c", None),
        ("GET", "/a/manifests/b%2Fc", None),
        ("GET", "/a%2Fb/manifests/c", None),
        ("GET", "/a/b%2Fc/manifests/d", None),
        ("GET", "/a/tags/list/", None),
        ("GET", "/a/tags/lists", None),
        ("POST", "/a/b/blobs/uploads", None),
        ("GET", "/by/me/x/c", None),
        // Where a path could be cut in two ways, it is nothing.
        ("GET", "/a/manifests/b/manifests/c", None),
        ("GET", "/a/blobs/uploads/manifests/b", None),
        ("GET", "/a/tags/manifests/b", None),
        ("GET", "/manifests/manifests/b", None),
        ("POST", "/a/manifests/b/blobs/uploads/", None),
        ("GET", "/by/me/manifests/x/c", None),
    ];
    for (method, path, route) in table {
        assert_eq!(find(&routes, method, path), *route, "{method} {path}");
    }
}

#[test]
fn templates_with_an_end_overlap_where_some_path_is_of_both() {
    for (one, other) in [
        ("/{x...}/a", "/{y...}/a"),
        ("/{x...}/a", "/{y...}"),
        ("/{x...}/a", "/{y}/a"),
        ("/{x...}/a/{z}", "/b/{y}/a"),
        ("/{x...}/a/b", "/c/d/{y}/{z}"),
        ("/{x...}/a/{y}", "/b/{x...}/{}".trim_end_matches("/{}")),
        ("/{x...}/a/", "/{y...}/"),
        ("/b/{x...}/a", "/{z}/{y...}/a"),
    ] {
        assert!(overlaps(one, other), "{one} {other}");
    }
    for (one, other) in [
        ("/{x...}/a", "/{y...}/b"),
        ("/{x...}/a", "/{y...}/a/"),
        ("/{x...}/a", "/a"),
        ("/{x...}/a/b", "/{y}/b"),
        ("/{x...}/a/{y}", "/{x...}/b/{y}"),
        ("/b/{x...}/a", "/c/{y...}/a"),
        ("/{x...}/a", "/{y}/{z}/b"),
    ] {
        assert!(!overlaps(one, other), "{one} {other}");
    }
}

#[test]
fn thousands_of_routes_are_found_and_told_apart() {
    let paths: Vec<String> = (0..5_000).map(|n| format!("/v1/s{}/{{id}}/op{n}", n % 50)).collect();
    let routes: Vec<(&str, &str)> = paths.iter().map(|path| ("GET", path.as_str())).collect();
    let document = plain(&routes);
    let catalog = catalog(document).unwrap();
    for n in (0..5_000).step_by(7) {
        let path = format!("/v1/s{}/x/op{n}", n % 50);
        assert_eq!(look(&catalog, "GET", &path, &Has::default()), Some(n));
    }
}

/// Overlap by its definition: some path of a small world that both templates match.
mod definition {
    use proptest::prelude::*;

    use super::{Catalog, Has, catalog, look, overlaps, plain};

    fn template() -> impl Strategy<Value = String> {
        let segment = prop_oneof!["a", "b", Just("{}".to_owned()), Just("{:encoded}".to_owned())];
        let behind = prop::collection::vec(prop_oneof!["a", "z", Just("{}".to_owned())], 0..3);
        (prop::collection::vec(segment, 0..4), any::<bool>(), behind, any::<bool>()).prop_map(
            |(segments, rest, behind, slash)| {
                let mut text = String::new();
                for (index, segment) in segments.iter().enumerate() {
                    text.push('/');
                    text.push_str(&segment.replacen('{', &format!("{{p{index}"), 1));
                }
                if rest {
                    text.push_str("/{rest...}");
                    // A name cannot be the first to follow.
                    let starts_fixed = behind.first().is_some_and(|first| first != "{}");
                    for (index, segment) in behind.iter().enumerate().filter(|_| starts_fixed) {
                        text.push('/');
                        text.push_str(&segment.replacen('{', &format!("{{q{index}"), 1));
                    }
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
                .flat_map(|path| ["a", "b", "z", "c%2Fd"].map(|last| format!("{path}/{last}")))
                .collect();
            all.extend(longest.iter().cloned());
        }
        all.iter().flat_map(|path| [path.clone(), format!("{path}/")]).collect()
    }

    fn found(catalog: &Catalog, path: &str) -> bool {
        look(catalog, "GET", path, &Has::default()).is_some()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn overlap_is_a_common_path(one in template(), other in template()) {
            let [first, second] = [&one, &other].map(|template| catalog(plain(&[("GET", template)])).unwrap());
            let common = paths().into_iter().find(|path| found(&first, path) && found(&second, path));
            let said = overlaps(&one, &other);
            // Behind several segments, an overlap may be said where only a marker would keep the two apart.
            let is_exact = [&one, &other].iter().all(|text| !text.contains("...}/") || text.ends_with("...}/"));
            if is_exact || common.is_some() {
                prop_assert_eq!(said, common.is_some(), "{} {} {:?}", one, other, common);
            }
        }
    }
}
