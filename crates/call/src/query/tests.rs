use super::*;

fn code(raw: &str) -> &'static str {
    Query::parse(Some(raw)).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn queries_with_more_than_one_reading_are_refused() {
    let hostile = [
        "",
        "&",
        "a=1&",
        "&a=1",
        "a=1&&b=2",
        "=",
        "=1",
        "a=1&=2",
        // twice, in every disguise
        "a=1&a=2",
        "a&a",
        "a=1&a",
        "a%3Ab=1&a:b=2",
        "service=git-upload-pack&service=git-receive-pack",
        // separators of others
        "a=1;b=2",
        "a=1;a=2",
        // escapes
        "a=%",
        "a=%4",
        "a=%zz",
        "a=%2f",
        "a=%41",
        "%61=1",
        "a=%7E",
        "a=%00",
        "a=%0D%0A",
        "a=%FF",
        "a=%C0%80",
        "a=%u0041",
        // what must be escaped
        "a= 1",
        "a=\"1\"",
        "a[b]=1",
        "a=é",
        "a=1#b",
        "a=\\",
        "a=<script>",
        "a+b=1",
    ];
    let accepted: Vec<&str> = hostile.into_iter().filter(|raw| code(raw) != "query_malformed").collect();
    assert_eq!(accepted, Vec::<&str>::new());
}

#[test]
fn canonical_queries_pass() {
    for raw in [
        "a=1",
        "a",
        "a=",
        "a=1&b=2",
        "list=true",
        "a=x/y?z",
        "a=%2Fx%26y%3D",
        "a=b=c",
        "a%5B%5D=1",
        "a=x+y",
        "A=1&a=2",
    ] {
        assert_eq!(code(raw), "ok", "{raw}");
    }
    assert!(Query::parse(None).unwrap().iter().next().is_none());
}

#[test]
fn values_are_decoded_once() {
    let query = Query::parse(Some("path=%2Fa%252Fb&flag&eq=1=2")).unwrap();
    assert_eq!(query.find("path").unwrap().value().unwrap(), "/a%2Fb");
    assert_eq!(query.find("flag").unwrap().value().unwrap(), "");
    assert_eq!(query.find("eq").unwrap().value().unwrap(), "1=2");
    assert_eq!(query.find("Flag"), None);
    assert_eq!(query.as_str(), Some("path=%2Fa%252Fb&flag&eq=1=2"));
}

#[test]
fn a_plus_is_never_decided_on() {
    let query = Query::parse(Some("a=x+y")).unwrap();
    assert_eq!(query.find("a").unwrap().value().unwrap_err().code(), "query_malformed");
}

#[test]
fn the_number_of_parameters_is_bounded() {
    let query = |count: usize| (0..count).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
    assert_eq!(code(&query(MAX_PARAMETERS)), "ok");
    assert_eq!(code(&query(MAX_PARAMETERS + 1)), "query_malformed");
}
