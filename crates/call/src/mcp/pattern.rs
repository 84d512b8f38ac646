//! Names of tools, prompts and resources as a catalog writes them: a name, or the beginning of many.

/// `read_file`, or `read_*`, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    start: Box<str>,
    open: bool,
}

// === impl Pattern ===

impl Pattern {
    /// Reads a pattern; `None` where it is empty or has `*` elsewhere than at its end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (start, open) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let sound = !start.contains('*') && (open || !start.is_empty());
        sound.then(|| Self { start: start.into(), open })
    }

    /// How particular the pattern is for a name; none where it does not match. Two patterns of a catalog are never
    /// equally particular for a name, since no pattern is there twice.
    pub(super) fn rank(&self, name: &str) -> Option<(bool, usize)> {
        let matches = if self.open { name.starts_with(&*self.start) } else { name == &*self.start };
        matches.then_some((!self.open, self.start.len()))
    }

    /// Whether some name that begins so may match.
    pub(super) fn meets_beginning(&self, beginning: &str) -> bool {
        self.start.starts_with(beginning) || (self.open && beginning.starts_with(&*self.start))
    }
}
