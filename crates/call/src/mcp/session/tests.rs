use super::*;

const OWNER: SessionOwner<'_> = SessionOwner { service: "mcp", subject: "demo/alice", actor: "demo/coder" };

const fn session(id: &str) -> Session<'_> {
    Session { id, opens_pages: false }
}

fn key(byte: u8) -> SessionKey {
    SessionKey::new(&[byte; 32])
}

#[test]
fn a_session_is_its_callers() {
    let sealed = key(1).seal(OWNER, session("a.b"));
    assert!(sealed.starts_with("a.b."), "{sealed}");
    assert!(sealed.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(key(1).open(OWNER, &sealed), Some(session("a.b")));
}

#[test]
fn what_a_client_can_do_is_known_of_its_session_and_stays() {
    let pages = Session { id: "a", opens_pages: true };
    let (with, without) = (key(1).seal(OWNER, pages), key(1).seal(OWNER, session("a")));
    assert_ne!(with, without);
    assert_eq!(key(1).open(OWNER, &with), Some(pages));
    assert_eq!(key(1).open(OWNER, &without), Some(session("a")));
}

#[test]
fn anybody_else_has_none() {
    let sealed = key(1).seal(OWNER, session("a"));
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
    let sealed = key(1).seal(OWNER, session("a"));
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
