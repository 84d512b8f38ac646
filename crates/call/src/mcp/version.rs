//! The versions of MCP that travel over Streamable HTTP.

/// A version, by its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 2025-03-26: sessions, and the only one with batches. Also that of a client that names none.
    March2025,
    /// 2025-06-18: the version header.
    June2025,
    /// 2025-11-25: URL elicitation, tasks.
    November2025,
    /// 2026-07-28: every request stands for itself.
    July2026,
}

// === impl Version ===

impl Version {
    /// Every version, the oldest first.
    pub const ALL: [Self; 4] = [Self::March2025, Self::June2025, Self::November2025, Self::July2026];

    /// The date that names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::March2025 => "2025-03-26",
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
            Self::July2026 => "2026-07-28",
        }
    }

    /// The version of this date.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str().as_bytes() == text)
    }

    /// Whether requests are without sessions: there are no server's requests to answer, no stream to open, and headers
    /// repeat what the message says.
    pub const fn is_stateless(self) -> bool {
        matches!(self, Self::July2026)
    }

    /// Whether a body may be a list of messages.
    pub(super) const fn has_batches(self) -> bool {
        matches!(self, Self::March2025)
    }
}
