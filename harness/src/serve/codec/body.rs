//! Where the body of an HTTP/1.1 request ends.

/// A body on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes are still to come.
    Length(u64),
    /// The line with the next chunk's size; what has come of it.
    Size(Vec<u8>),
    /// So many bytes of a chunk are still to come.
    Chunk(u64),
    /// The line break behind a chunk.
    Break(Vec<u8>),
    /// A line of the trailers; they end with an empty one.
    Trailer(Vec<u8>),
    /// Nothing is to come.
    Over,
    /// It is no body.
    Broken,
}

/// A size with whatever extension, or a trailer: nobody needs more.
const MAX_LINE: usize = 8 * 1024;

// === impl Body ===

impl Body {
    /// Takes from `input` what belongs to the body, and writes it to `output` with plain framing: no chunk extensions,
    /// and no trailers, which Envoy's codec drops unless it is told otherwise. Gives how much it took.
    pub(super) fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> usize {
        let mut taken: usize = 0;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            let count = match self {
                Self::Over | Self::Broken => break,
                Self::Length(left) | Self::Chunk(left) => {
                    let count = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    output.extend_from_slice(rest.get(..count).unwrap_or_default());
                    *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                    count
                }
                Self::Size(line) | Self::Break(line) | Self::Trailer(line) => collect(line, rest),
            };
            taken = taken.saturating_add(count);
            self.advance(output);
        }
        taken
    }

    fn advance(&mut self, output: &mut Vec<u8>) {
        let next = match self {
            Self::Length(0) => Self::Over,
            Self::Chunk(0) => Self::Break(Vec::new()),
            Self::Size(line) | Self::Break(line) | Self::Trailer(line) if !line.ends_with(b"\n") => {
                if line.len() <= MAX_LINE {
                    return;
                }
                Self::Broken
            }
            Self::Break(line) => {
                output.extend_from_slice(b"\r\n");
                if line == b"\r\n" { Self::Size(Vec::new()) } else { Self::Broken }
            }
            Self::Size(line) => match size(line) {
                Some(0) => Self::Trailer(Vec::new()),
                Some(size) => {
                    output.extend_from_slice(format!("{size:x}\r\n").as_bytes());
                    Self::Chunk(size)
                }
                None => Self::Broken,
            },
            Self::Trailer(line) if line == b"\r\n" => {
                output.extend_from_slice(b"0\r\n\r\n");
                Self::Over
            }
            Self::Trailer(_) => Self::Trailer(Vec::new()),
            Self::Length(_) | Self::Chunk(_) | Self::Over | Self::Broken => return,
        };
        if next == Self::Broken {
            // No size of a chunk: the reader behind fails too.
            output.extend_from_slice(b"!\r\n");
        }
        *self = next;
    }
}

/// Adds to a line, up to and with its end.
fn collect(line: &mut Vec<u8>, rest: &[u8]) -> usize {
    let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at.saturating_add(1));
    line.extend_from_slice(rest.get(..end).unwrap_or_default());
    end
}

/// Of a line such as `1f;name=value`.
fn size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.split(|byte| *byte == b';').next()?;
    let digits = digits.trim_ascii_end();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests;
