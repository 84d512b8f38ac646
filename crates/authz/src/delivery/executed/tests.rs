use serde_json::Value;

use super::*;

#[test]
fn a_record_ends_as_the_access_log_ends_it() {
    let executed = Executed {
        status: 200,
        details: "via_upstream".to_owned(),
        flags: Executed::flags_of(0),
        upstream: "127.0.0.1:36301".to_owned(),
        request_bytes: 0,
        response_bytes: 119,
        duration_ms: 2,
    };
    assert_eq!(
        executed.complete("{\"v\":1"),
        "{\"v\":1,\"executed\":{\"status\":200,\"details\":\"via_upstream\",\"flags\":\"-\",\
         \"upstream\":\"127.0.0.1:36301\",\"request_bytes\":0,\"response_bytes\":119,\"duration_ms\":2}}"
    );
}

#[test]
fn what_the_proxy_says_cannot_leave_its_string() {
    let executed = Executed { details: "a \"b\"\\ \n\u{7f}{c}".to_owned(), ..Executed::default() };
    let record: Value = serde_json::from_str(&executed.complete("{\"v\":1")).unwrap();
    assert_eq!(record["executed"]["details"], "a_'b''___{c}");
}

#[test]
fn marks_have_the_names_of_the_log() {
    assert_eq!(Executed::flags_of(1 << 5 | 1 << 15), "UF,URX");
    assert_eq!(Executed::flags_of(1 << 14), "DC");
    assert_eq!(Executed::flags_of(1 << 63), "-");
    for flags in ["-", "DC", "UF,URX", "LH,UDO"] {
        assert_eq!(Executed::flags_of(Executed::bits_of(flags)), flags);
    }
}
