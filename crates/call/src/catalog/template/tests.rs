use super::*;

fn path(text: &str) -> PathTemplate {
    PathTemplate::parse(text).unwrap()
}

fn id(template: &str, values: &[&str]) -> Option<String> {
    let template = IdTemplate::parse(template, &path("/{a}/{b}/{rest...}"), &[]).unwrap();
    template.render(|part| match part {
        Part::Capture(number) => values.get(*number).copied(),
        Part::Text(_) | Part::Argument(_) => None,
    })
}

#[test]
fn path_templates_name_segments() {
    let template = path("/v1/{env}/{part:encoded}/{rest...}/");
    assert_eq!(template.names().collect::<Vec<_>>(), ["env", "part", "rest"]);
    assert_eq!(template.pieces().len(), 4);
    assert!(template.ends_with_slash());
    assert!(!path("/v1/kv").ends_with_slash());
    assert!(path("/").ends_with_slash() && path("/").pieces().is_empty());
    assert_eq!(path("/a%20b/x:y@z").pieces().len(), 2);
}

#[test]
fn path_templates_that_mean_nothing_are_refused() {
    for text in [
        "",
        "v1",
        "{x}",
        "//",
        "/a//b",
        "/a/../b",
        "/.",
        "/a?b",
        "/a b",
        "/é",
        "/a;b",
        "/%61",
        "/a%2fb",
        "/a%2Fb",
        "/a%3Ab",
        "/{}",
        "/{x",
        "/x}",
        "/a{x}",
        "/{x}a",
        "/{a}{b}",
        "/{1x}",
        "/{a-b}",
        "/{a b}",
        "/{x...}/{y}",
        "/{x...}/{y...}",
        "/{x...}/y/{z...}",
        "/{x...}/{y}",
        "/{...}",
        "/{x}/{x}",
        "/{x}/{x...}",
        "/{x:encoded}/{x}",
        "/{x:raw}",
        "/{x:}",
        "/{x:encoded...}",
    ] {
        assert!(PathTemplate::parse(text).is_err(), "{text}");
    }
    assert!(PathTemplate::parse(&"/a".repeat(path::MAX_SEGMENTS)).is_err());
}

#[test]
fn what_ends_several_segments_is_a_marker() {
    for (text, marker) in [
        ("/{x...}/y", Some("y")),
        ("/a/{x...}/y/{z}/", Some("y")),
        ("/{x...}", None),
        ("/{x...}/", None),
        ("/a/{x}", None),
        ("/", None),
    ] {
        assert_eq!(path(text).marker(), marker, "{text}");
    }
}

#[test]
fn arguments_can_be_part_of_an_id() {
    let field = |name: &str, source, kind, optional| FieldRule {
        name: name.to_owned(),
        source,
        kind,
        optional,
        pointer: String::new(),
    };
    let query = || Source::Query("q".to_owned());
    let template = path("/{a}/{rest...}");
    let arguments = [
        field("from", query(), FieldType::String, false),
        field("perhaps", query(), FieldType::String, true),
        field("number", query(), FieldType::Long, false),
        field("body", Source::Json(crate::json::Pointer::parse("/x").unwrap()), FieldType::String, false),
        field("a", Source::Path(0), FieldType::String, false),
        field("rest", Source::Header("x-rest".to_owned()), FieldType::String, false),
    ];
    let parse = |text| IdTemplate::parse(text, &template, &arguments);
    for text in ["{from}", "{a}:{from}", "{from}@{a}", "x/{from}"] {
        parse(text).unwrap();
    }
    for text in ["{perhaps}", "{number}", "{body}", "{rest}", "{from}/{a}", "{from}{a}", "{a}{from}"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn ids_are_filled_in() {
    assert_eq!(id("{a}/{b}", &["x", "y", "z"]).as_deref(), Some("x/y"));
    assert_eq!(id("{rest}", &["x", "y", "p/q/r"]).as_deref(), Some("p/q/r"));
    assert_eq!(id("{a}/{rest}", &["x", "y", "p/q"]).as_deref(), Some("x/p/q"));
    assert_eq!(id("fixed", &[]).as_deref(), Some("fixed"));
    assert_eq!(id("{a}:{b}", &["x", "sha256:0"]).as_deref(), Some("x:sha256:0"));
    assert_eq!(id("{a}.json", &["x.json"]).as_deref(), Some("x.json.json"));
}

#[test]
fn different_values_never_make_the_same_id() {
    assert_eq!(id("{a}:{b}", &["x:y", "z"]), None);
    assert_eq!(id("{a}-{b}-{rest}", &["x", "y-z", "w"]), None);
    assert_eq!(id("{a}--{b}", &["x-", "y"]), None);
    let text = ["x", ":", "x:", ":x", "::", "x:x", "-", "-:"];
    let mut seen = std::collections::BTreeMap::new();
    for template in ["{a}:{b}", "{a}::{b}", "a{a}:{b}:", "{a}:-{b}"] {
        for a in text {
            for b in text {
                if let Some(id) = id(template, &[a, b, ""]) {
                    let earlier = seen.insert((template, id), (a, b));
                    assert_eq!(earlier, None, "{template}: {a} {b}");
                }
            }
        }
    }
    assert!(seen.len() > 50);
}

#[test]
fn id_templates_that_could_be_ambiguous_are_refused() {
    let template = path("/{a}/{part:encoded}/{rest...}");
    for text in
        ["", "{x}", "{", "}", "{a", "a}", "{}", "{a}{part}", "{rest}/{a}", "{part}/{a}", "{a}/{rest}/x"]
    {
        assert!(IdTemplate::parse(text, &template, &[]).is_err(), "{text}");
    }
    assert_eq!(
        IdTemplate::parse("{port}", &template, &[]).unwrap_err().help.as_deref(),
        Some("did you mean `part`?")
    );
}
