//! What the client of a push says that it can do (gitprotocol-capabilities(5)).

use crate::error::CallError;

/// The capabilities of a push, as far as they matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// The client reads what became of each ref.
    pub(super) report_status: bool,
    /// The client reads messages beside that, in packets of up to 65520 bytes.
    pub(super) side_band: bool,
    /// Push options follow the commands.
    pub(super) push_options: bool,
    /// How object ids are written.
    pub(super) format: ObjectFormat,
}

/// How object ids are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectFormat {
    Sha1,
    Sha256,
}

// === impl Capabilities ===

impl Capabilities {
    /// Reads the list behind the first command. What could be read of it is there even where the list is refused, so
    /// that the refusal can be told in the client's own words.
    pub(super) fn read(list: &[u8]) -> (Self, Result<(), CallError>) {
        let mut found =
            Self { report_status: false, side_band: false, push_options: false, format: ObjectFormat::Sha1 };
        let mut first = Ok(());
        let mut seen: Vec<&[u8]> = Vec::new();
        // git separates by any white space; a list in which anything but a space does is refused below.
        for word in list.split(|byte| *byte == b' ').filter(|word| !word.is_empty()) {
            let result = found.take(word).and_then(|()| {
                let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
                if seen.contains(&name) {
                    return Err(CallError::capability(word, "it is there twice"));
                }
                seen.push(name);
                Ok(())
            });
            if first.is_ok() {
                first = result;
            }
            // Twice as many as there are: the rest is not worth reading.
            if first.is_err() && seen.len() > 32 {
                break;
            }
        }
        (found, first)
    }

    /// A closed list: what is not on it may change what the commands mean.
    fn take(&mut self, word: &[u8]) -> Result<(), CallError> {
        if !word.iter().all(u8::is_ascii_graphic) {
            return Err(CallError::capability(word, "it is not printable ASCII"));
        }
        match word {
            // Version 2 of the report differs in what it says of refs that were updated, which is never said here.
            b"report-status" | b"report-status-v2" => self.report_status = true,
            b"side-band-64k" => self.side_band = true,
            b"push-options" => self.push_options = true,
            b"object-format=sha1" => self.format = ObjectFormat::Sha1,
            b"object-format=sha256" => self.format = ObjectFormat::Sha256,
            // All or nothing is what happens here anyway; the others change what is printed or how the pack is made.
            b"atomic" | b"quiet" | b"delete-refs" | b"ofs-delta" | b"no-thin" => {}
            _ if word.starts_with(b"agent=") || word.starts_with(b"session-id=") => {}
            _ => return Err(CallError::capability(word, "it is not known")),
        }
        Ok(())
    }
}

// === impl ObjectFormat ===

impl ObjectFormat {
    /// Hexadecimal digits of an id.
    pub(super) const fn digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }

    /// The id that `text` is.
    pub(super) fn id(self, text: &[u8]) -> Option<&str> {
        let is_id = text.len() == self.digits()
            && text.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
        if is_id { str::from_utf8(text).ok() } else { None }
    }
}

/// The id of no object: what is not there before a creation and after a deletion.
pub(super) fn is_no_object(id: &str) -> bool {
    id.bytes().all(|digit| digit == b'0')
}
