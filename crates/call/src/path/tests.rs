use proptest::prelude::*;

use super::*;

fn refusal(raw: &str) -> Option<&'static str> {
    CanonicalPath::parse(raw).err().map(|error| error.code())
}

#[test]
fn paths_with_more_than_one_reading_are_refused() {
    let hostile = [
        // not a path
        "",
        "*",
        "admin",
        "http://tools.example/admin",
        "tools.example:443",
        "\\admin",
        // dot segments, plain and in the disguises that servers undo
        "/.",
        "/..",
        "/./a",
        "/a/.",
        "/a/..",
        "/a/../b",
        "/../etc/passwd",
        "/%2e",
        "/%2E%2E/b",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/a/..;/b",
        "/a/..%3Bx/b",
        "/a/..%00/b",
        "/a/..%2Fb",
        "/a%2F../b",
        "/a%2F..%2Fb",
        "/a%2F.%2Fb",
        "/..\\b",
        "/..%5Cb",
        "/a/..%C0%AF/b",
        "/a/..%252Fb",
        "/a/..%255Cb",
        "/a/%252E%252E/b",
        "/a/..%25u2216b",
        "/a/%u002e%u002e/b",
        // empty segments
        "//",
        "//admin",
        "///",
        "/a//b",
        "/a/b//",
        "/%2F",
        "/%2Fa",
        "/a%2F",
        "/a%2F%2Fb",
        // what ends or splits a path for some
        "/a;b",
        "/a;jsessionid=1",
        "/a%3Bb",
        "/a\\b",
        "/a%5Cb",
        "/a%00",
        "/a%00.json",
        "/a%0D%0AHost:%20x",
        "/a%0a",
        "/a%7F",
        "/a%C2%85b",
        "/a?b",
        "/a#b",
        // escapes that are not canonical
        "/%61dmin",
        "/a%2Db",
        "/a%7Eb",
        "/a%2fb",
        "/a%e2%82%ac",
        "/a%3a",
        "/%",
        "/%2",
        "/%G0",
        "/a%%20",
        "/a%2 5",
        // not UTF-8: overlong, lone continuation, surrogate, beyond Unicode
        "/%C0%80",
        "/%C0%AF",
        "/%E0%80%AF",
        "/%80",
        "/%FF",
        "/%ED%A0%80",
        "/%F4%90%80%80",
        "/%E2%82",
        // bytes that must be escaped
        "/a b",
        "/a\tb",
        "/a\rb",
        "/a\nb",
        "/a\0b",
        "/a\u{7f}b",
        "/é",
        "/a\"b",
        "/a<b>",
        "/a[b]",
        "/a{b}",
        "/a|b",
        "/a^b",
        "/a`b",
    ];
    let accepted: Vec<&str> =
        hostile.into_iter().filter(|raw| refusal(raw) != Some("path_not_canonical")).collect();
    assert_eq!(accepted, Vec::<&str>::new());
}

#[test]
fn canonical_paths_pass_as_they_are() {
    let plain = [
        "/",
        "/a",
        "/a/",
        "/v1/kv/dev/db",
        "/v2/payments/manifests/sha256:0123abcd",
        "/~user/file-name_1.tar.gz",
        "/a...b/...",
        "/.well-known/x",
        "/..a/a..",
        "/a!$&'()*+,=:@",
        "/a%20b",
        "/caf%C3%A9",
        "/%E2%82%AC",
        "/%F0%9F%98%80",
        "/100%25",
        "/100%25-off",
        "/a%3Fb%23c",
        "/a%3Ab",
        "/a%22%7B%7D",
        "/%5B1%5D",
    ];
    for raw in plain {
        let path = CanonicalPath::parse(raw).unwrap();
        assert_eq!(path.as_str(), raw);
        assert!(!path.has_escaped_slash(), "{raw}");
    }
}

#[test]
fn an_escaped_slash_is_told_apart() {
    let path = CanonicalPath::parse("/repos/group%2Fname/tags").unwrap();
    assert!(path.has_escaped_slash());
    let segments: Vec<Option<Cow<'_, str>>> = path.segments().map(Segment::decoded).collect();
    assert_eq!(segments, [Some("repos".into()), None, Some("tags".into())]);
    let second = path.segments().nth(1).unwrap();
    assert_eq!((second.raw(), second.decoded_with_slash()), ("group%2Fname", Some("group/name".into())));
}

#[test]
fn length_and_depth_are_bounded() {
    let deepest = "/a".repeat(MAX_SEGMENTS);
    assert_eq!(refusal(&deepest), None);
    assert_eq!(refusal(&format!("{deepest}/a")), Some("path_not_canonical"));
    assert_eq!(refusal(&format!("{deepest}/")), Some("path_not_canonical"));
    let longest = format!("/{}", "a".repeat(MAX_TARGET_BYTES - 1));
    assert_eq!(refusal(&longest), None);
    assert_eq!(refusal(&format!("{longest}a")), Some("path_not_canonical"));
}

#[test]
fn a_prefix_ends_on_a_segment() {
    let path = CanonicalPath::parse("/secrets/v1/x").unwrap();
    assert_eq!(path.after("/secrets"), Some("/v1/x"));
    assert_eq!(path.after("/secrets/"), Some("/v1/x"));
    assert_eq!(path.after("/"), Some("/secrets/v1/x"));
    assert_eq!(path.after("/secrets/v1/x"), Some(""));
    assert_eq!(path.after("/sec"), None);
    assert_eq!(path.after("/secrets/v"), None);
    assert_eq!(path.after("/other"), None);
}

/// The normal form of RFC 3986 sections 6.2.2.1 to 6.2.2.3, written down independently: `None` for what has none.
#[expect(clippy::arithmetic_side_effects, reason = "positions in short test data")]
fn normal_form(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut unescaped = String::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let byte = u8::from_str_radix(path.get(at + 1..at + 3)?, 16).ok()?;
            match char::from(byte) {
                c @ ('a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~') => unescaped.push(c),
                _ => unescaped.push_str(&format!("%{byte:02X}")),
            }
            at += 3;
        } else {
            unescaped.push(char::from(bytes[at]));
            at += 1;
        }
    }
    // Section 5.2.4.
    let mut output: Vec<&str> = Vec::new();
    let segments: Vec<&str> = unescaped.strip_prefix('/')?.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *segment {
            "." if last => output.push(""),
            "." => {}
            ".." => {
                output.pop();
                if last {
                    output.push("");
                }
            }
            other => output.push(other),
        }
    }
    Some(format!("/{}", output.join("/")))
}

proptest! {
    #[test]
    fn what_is_accepted_is_its_own_normal_form(raw in "(/(\\.|\\.\\.|%[0-9A-Fa-f]{2}|[a-z.%;:~+-]|%2E|%C3%A9){0,4}){0,5}") {
        if CanonicalPath::parse(&raw).is_ok() {
            prop_assert_eq!(normal_form(&raw), Some(raw));
        }
    }

    #[test]
    fn no_text_upsets_it(raw in "\\PC*|/\\PC*|(/|%|[ -~]|\\x00)*") {
        if let Ok(path) = CanonicalPath::parse(&raw) {
            prop_assert!(raw.bytes().all(|byte| byte.is_ascii_graphic()));
            // Every segment can be decoded, and decoding an accepted path twice changes nothing.
            for segment in path.segments() {
                let decoded = segment.decoded_with_slash().unwrap();
                prop_assert!(!decoded.contains(['\0', ';', '\\']));
                prop_assert!(!matches!(&*decoded, "." | ".."));
            }
        }
    }

    #[test]
    fn every_text_has_one_accepted_spelling(text in "[a-zA-Z0-9 é€:@%?#/+=\"-]{1,12}") {
        let encoded: String = text
            .bytes()
            .map(|b| if is_pchar(b) && b != b'%' { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect();
        if let Ok(path) = CanonicalPath::parse(&format!("/{encoded}")) {
            prop_assert_eq!(path.segments().next().unwrap().decoded_with_slash().unwrap(), text.as_str());
        }
    }
}
