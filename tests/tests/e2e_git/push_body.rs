//! The body of a push, packet by packet, right and wrong.

use crate::stage::Repositories;

/// The id of no object.
pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000";

/// What git's own client asks for.
pub(crate) const CAPABILITIES: &str = " report-status-v2 side-band-64k object-format=sha1 agent=git/2.47.3";

/// A pack of no objects: those that the commands name are there already.
const PACK: &[u8] =
    b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

/// Objects that the server has.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    /// What `main` of payments points to.
    pub(crate) main: String,
    /// The commit before.
    pub(crate) before: String,
}

/// Bytes of a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Push(pub(crate) Vec<u8>);

// === impl Ids ===

impl Ids {
    pub(crate) async fn of(world: &Repositories) -> Self {
        let id = async |name: &str| {
            let id = actgate_demo::git::tool(&world.path("payments"), ["rev-parse", name]).succeed().await;
            String::from_utf8(id.expect("an id")).expect("an id").trim().to_owned()
        };
        Self { main: id("main").await, before: id("main~1").await }
    }

    /// A command that would move `main` back.
    pub(crate) fn hidden(&self) -> String {
        format!("{} {} refs/heads/main", self.main, self.before)
    }

    /// A command that would be permitted.
    pub(crate) fn fine(&self) -> String {
        format!("{ZERO} {} refs/heads/agent/x", self.main)
    }
}

// === impl Push ===

impl Push {
    /// These bytes as they are.
    pub(crate) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    /// One packet.
    pub(crate) fn line(self, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref();
        self.raw(format!("{:04x}", payload.len() + 4)).raw(payload)
    }

    /// A first command with the usual capabilities.
    pub(crate) fn first(self, command: &str) -> Self {
        self.with(command, CAPABILITIES)
    }

    /// A first command with these.
    pub(crate) fn with(self, command: &str, capabilities: &str) -> Self {
        self.line(format!("{command}\0{capabilities}"))
    }

    pub(crate) fn flush(self) -> Self {
        self.raw("0000")
    }

    pub(crate) fn pack(self) -> Self {
        self.raw(PACK)
    }

    /// The end of an honest push.
    pub(crate) fn end(self) -> Self {
        self.flush().pack()
    }
}
