//! A push as git sends it: commands, push options, and a pack of nothing.

use super::format::RefChange;

pub(crate) const CONTENT_TYPE: &str = "application/x-git-receive-pack-request";

/// What git itself sends, but for its version.
const CAPABILITIES: &str = " report-status-v2 side-band-64k quiet object-format=sha1 agent=git/2";

/// Version 2, no objects, and the SHA-1 of these twelve bytes (gitformat-pack(5)).
const EMPTY_PACK: &[u8] = b"PACK\0\0\0\x02\0\0\0\0\
    \x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

/// Digits of a SHA-1.
const ID_DIGITS: usize = 40;

/// The body of a push; without a command it is the probe.
pub(crate) fn body(commands: &[RefChange], options: &[String]) -> Vec<u8> {
    let mut body = Vec::new();
    for (place, RefChange { name, old, new }) in commands.iter().enumerate() {
        let mut line = format!("{} {} {name}", id(old), id(new));
        if place == 0 {
            line.push('\0');
            line.push_str(CAPABILITIES);
            line.push_str(if options.is_empty() { "" } else { " push-options" });
        }
        packet(&mut body, &line);
    }
    body.extend_from_slice(b"0000");
    if !options.is_empty() {
        options.iter().for_each(|option| packet(&mut body, option));
        body.extend_from_slice(b"0000");
    }
    let deletes = |command: &RefChange| id(&command.new).bytes().all(|digit| digit == b'0');
    if !commands.iter().all(deletes) {
        body.extend_from_slice(EMPTY_PACK);
    }
    body
}

fn id(text: &str) -> String {
    if text.len() == 1 { text.repeat(ID_DIGITS) } else { text.to_owned() }
}

fn packet(into: &mut Vec<u8>, line: &str) {
    into.extend_from_slice(format!("{:04x}{line}", line.len().saturating_add(4)).as_bytes());
}

#[cfg(test)]
mod tests;
