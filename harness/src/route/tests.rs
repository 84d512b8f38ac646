use serde_json::json;

use super::{admit, read};
use crate::host::{Headers, StreamInfo};

fn asked(path: &str, marker: Option<&str>) -> Result<String, u16> {
    let config = json!({ "services": [
        { "name": "secrets", "prefix": "/secrets/", "strip_prefix": true },
        { "name": "git", "prefix": "/secrets/git/", "mode": "observe" },
    ] });
    let head = Headers::new([(":authority", "gateway.demo"), (":path", path)]);
    let mut info = StreamInfo::default();
    info.filter_state.extend(marker.map(|marker| (b"wasm.actgate".to_vec(), marker.into())));
    admit(&read(&config), &head, &info).map(|route| route.upstream_path(path)).map_err(|reply| reply.status)
}

#[test]
fn only_the_word_for_the_very_service_passes() {
    assert_eq!(asked("/secrets/a", Some("permit:secrets")), Ok("/a".to_owned()));
    for marker in [
        None,
        Some(""),
        Some("permit:"),
        Some("permit:git"),
        Some("observe:secrets"),
        Some("permit:secrets "),
    ] {
        assert_eq!(asked("/secrets/a", marker), Err(403), "{marker:?}");
    }
    assert_eq!(asked("/secrets/git/a", Some("permit:secrets")), Err(403));
    assert_eq!(asked("/secrets/git/a", Some("permit:git")), Ok("/secrets/git/a".to_owned()));
    assert_eq!(asked("/secrets/git/a", Some("observe:git")), Ok("/secrets/git/a".to_owned()));
    assert_eq!(asked("/elsewhere", Some("permit:secrets")), Err(404));
}
