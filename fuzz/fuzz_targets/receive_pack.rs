//! The push reader: no bytes make it panic, how they arrive changes nothing, and a push that it takes asks for
//! something.

#![no_main]

use actgate_call::{CallError, ToolCalls, git::PushReader};
use libfuzzer_sys::fuzz_target;

fn read(bytes: &[u8], size: usize) -> Result<ToolCalls, CallError> {
    let mut reader = PushReader::new("repo".into());
    let mut pieces = bytes.chunks(size.max(1)).peekable();
    while let Some(piece) = pieces.next() {
        if let Some(calls) = reader.feed(piece, pieces.peek().is_none())? {
            return Ok(calls);
        }
    }
    reader.feed(b"", true).map(|calls| calls.expect("everything is enough"))
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = read(bytes, bytes.len());
    let code = |result: &Result<ToolCalls, CallError>| result.as_ref().map(ToolCalls::len).map_err(CallError::code);
    for size in [usize::from(size), 1] {
        let pieces = read(bytes, size);
        assert_eq!(code(&whole), code(&pieces));
    }
    if let Ok(calls) = &whole {
        for call in calls {
            let is_known = matches!(&*call.action, "git.push.probe" | "git.ref.create" | "git.ref.update" | "git.ref.delete");
            assert!(is_known, "{}", call.action);
        }
    }
});
