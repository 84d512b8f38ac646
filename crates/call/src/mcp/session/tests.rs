use super::*;

const OWNER: SessionOwner<'_> = SessionOwner { service: "mcp", subject: "demo/alice", actor: "demo/coder" };

fn key(byte: u8) -> SessionKey {
    SessionKey::new(&[byte; 32])
}

#[test]
fn a_session_is_its_callers() {
    let sealed = key(1).seal(OWNER, "a.b");
    assert!(sealed.starts_with("a.b."), "{sealed}");
    assert!(sealed.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(key(1).open(OWNER, &sealed), Some("a.b"));
}

#[test]
fn anybody_else_has_none() {
    let sealed = key(1).seal(OWNER, "a");
    for owner in [
        SessionOwner { service: "mcp2", ..OWNER },
        SessionOwner { subject: "demo/mallory", ..OWNER },
        SessionOwner { actor: "demo/unknown", ..OWNER },
        // The same letters, cut elsewhere.
        SessionOwner { subject: "demo/alicedemo", actor: "/coder", ..OWNER },
    ] {
        assert_eq!(key(1).open(owner, &sealed), None, "{owner:?}");
    }
    assert_eq!(key(2).open(OWNER, &sealed), None);
}

#[test]
fn what_was_changed_is_none() {
    let sealed = key(1).seal(OWNER, "a");
    let seal = sealed.strip_prefix("a.").unwrap();
    for other in [
        "a",
        "",
        ".",
        "a.",
        &format!("b.{seal}"),
        sealed.get(..sealed.len() - 1).unwrap(),
        &format!("{sealed}A"),
        &format!("{sealed}."),
        &format!("a..{seal}"),
    ] {
        assert_eq!(key(1).open(OWNER, other), None, "{other}");
    }
}
