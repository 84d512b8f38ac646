//! A push (gitprotocol-pack(5), "Reference Update Request"): the commands before the pack, read as they arrive.
//!
//! ```text
//! *shallow  first-command NUL capabilities  *command  flush  [*push-option flush]  ["PACK" ...]
//! ```
//!
//! `git receive-pack` is more lenient: it takes upper-case lengths and ids, lists ended by any special packet,
//! capabilities on any line, commands beside a signed push. Whatever it might read differently is refused.

use std::{collections::HashSet, sync::Arc};

use super::{
    calls::{Push, RefUpdate},
    capabilities::{Capabilities, is_no_object},
    pkt_line::{Packet, PacketReader},
    refname,
};
use crate::{error::CallError, tool_call::ToolCalls};

/// Each command is decided by itself, for the subject and for the actor, and again for every approver group: a
/// thousand keep the worst push below a second of one worker. `git push --mirror` of more refs goes in parts.
pub const MAX_COMMANDS: usize = 1000;

/// What is read before the decision: a thousand commands of 64-digit ids with names of 380 bytes. It stays below the
/// 1 MiB that Envoy buffers by default, since the chunk in which the commands end is buffered with them.
pub const MAX_PREFIX_BYTES: usize = 512 * 1024;

/// Push options are context of every command of the push, so their bytes count a thousandfold.
const MAX_OPTION_BYTES: usize = 4096;
/// More than any hosting service documents.
const MAX_OPTIONS: usize = 32;

/// The beginning of what follows commands that need objects (gitformat-pack(5)).
const PACK: &[u8] = b"PACK";

/// What a client that pushes can be told, in the words of its own protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushClient {
    /// The repository.
    pub repo: Arc<str>,
    /// It reads what became of each ref.
    pub report_status: bool,
    /// It reads messages beside that.
    pub side_band: bool,
    /// The refs that it names, as far as they have been read.
    pub refs: Vec<String>,
}

/// Reads a push as it arrives.
#[derive(Debug, Clone)]
pub struct PushReader {
    packets: PacketReader,
    taken: usize,
    stage: Stage,
    push: Push,
    /// There are more commands than are decided on: the rest is read for the report of the refusal only.
    excess: bool,
    client: Option<PushClient>,
    seen: HashSet<String>,
    /// Object ids of `shallow` lines, until the first command says how ids are written.
    shallow: Vec<Vec<u8>>,
    capabilities: Option<Capabilities>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Commands,
    Options,
    /// `PACK` must follow.
    Pack,
    /// Nothing may follow.
    End,
}

// === impl PushReader ===

impl PushReader {
    /// A reader of a push to a repository.
    pub fn new(repo: Arc<str>) -> Self {
        Self {
            packets: PacketReader::default(),
            taken: 0,
            stage: Stage::Commands,
            push: Push::new(repo),
            excess: false,
            client: None,
            seen: HashSet::new(),
            shallow: Vec::new(),
            capabilities: None,
        }
    }

    /// Takes the next bytes of the body; `complete` if there are no more. Nothing means that more are needed. With the
    /// calls, all that is asked is known, and what follows is the pack; it is not to be called again then, nor after a
    /// refusal.
    ///
    /// # Errors
    /// Everything that `git receive-pack` and this reader could read differently, and what is too much.
    pub fn feed(&mut self, bytes: &[u8], complete: bool) -> Result<Option<ToolCalls>, CallError> {
        self.taken = self.taken.saturating_add(bytes.len());
        self.packets.push(bytes);
        let known = self.advance()?;
        if known {
            return self.push.calls().map(Some);
        }
        match (self.stage, complete) {
            (Stage::End, true) if self.packets.rest().is_empty() => self.push.calls().map(Some),
            (Stage::End, _) if !self.packets.rest().is_empty() => {
                Err(CallError::framing("bytes behind a push that sends no objects"))
            }
            (_, true) => Err(CallError::framing("the push ends too early")),
            (_, false) if self.excess && self.taken >= MAX_PREFIX_BYTES => Err(TOO_MANY_COMMANDS),
            (_, false) if self.taken >= MAX_PREFIX_BYTES => {
                Err(CallError::limit("git.push.prefix_bytes", MAX_PREFIX_BYTES))
            }
            (_, false) => Ok(None),
        }
    }

    /// What the client can be told by now.
    pub const fn client(&self) -> Option<&PushClient> {
        self.client.as_ref()
    }

    /// Reads what is here; whether that is all that is needed.
    fn advance(&mut self) -> Result<bool, CallError> {
        loop {
            match self.stage {
                Stage::Commands => match self.packets.next_packet()? {
                    None => return Ok(false),
                    Some(Packet::Data(line)) => {
                        let line = line.to_vec();
                        self.line(&line)?;
                    }
                    Some(Packet::Flush) => self.stage = self.after_commands()?,
                    Some(Packet::Delimiter | Packet::ResponseEnd) => return Err(UNEXPECTED_SPECIAL),
                },
                Stage::Options => match self.packets.next_packet()? {
                    None => return Ok(false),
                    Some(Packet::Data(line)) => {
                        let option = option(line)?;
                        self.option(option)?;
                    }
                    Some(Packet::Flush) => self.stage = self.before_objects(),
                    Some(Packet::Delimiter | Packet::ResponseEnd) => return Err(UNEXPECTED_SPECIAL),
                },
                Stage::Pack => {
                    let rest = self.packets.rest();
                    if !rest.iter().zip(PACK).all(|(here, wanted)| here == wanted) {
                        return Err(CallError::framing("no pack follows the commands"));
                    }
                    return Ok(rest.len() >= PACK.len());
                }
                Stage::End => return Ok(false),
            }
        }
    }

    fn after_commands(&self) -> Result<Stage, CallError> {
        if self.excess {
            return Err(TOO_MANY_COMMANDS);
        }
        match self.capabilities {
            Some(capabilities) if capabilities.push_options => Ok(Stage::Options),
            Some(_) => Ok(self.before_objects()),
            // `0000` alone: git asks with it whether a long push would be let in.
            None if self.shallow.is_empty() => Ok(Stage::End),
            None => Err(CallError::command("`shallow` lines and no command")),
        }
    }

    fn before_objects(&self) -> Stage {
        if self.push.needs_objects() { Stage::Pack } else { Stage::End }
    }

    fn line(&mut self, packet: &[u8]) -> Result<(), CallError> {
        // gitprotocol-common(5): a line may end with LF, and receivers must not insist.
        let line = packet.strip_suffix(b"\n").unwrap_or(packet);
        if line.starts_with(b"push-cert") {
            return Err(self.signed_push(line));
        }
        if let Some(id) = line.strip_prefix(b"shallow ") {
            return self.shallow_line(id);
        }
        let (command, list) = match line.iter().position(|byte| *byte == 0) {
            Some(end) => (line.get(..end).unwrap_or_default(), line.get(end.saturating_add(1)..)),
            None => (line, None),
        };
        match (self.capabilities, list) {
            (None, Some(list)) => self.first_capabilities(command, list)?,
            (None, None) => return Err(CallError::command("the first command has no capabilities")),
            (Some(_), Some(_)) => {
                return Err(CallError::command("capabilities behind another command than the first"));
            }
            (Some(_), None) => {}
        }
        self.command(command)
    }

    /// Notes what the client can be told before anything about the list is refused.
    fn first_capabilities(&mut self, command: &[u8], list: &[u8]) -> Result<(), CallError> {
        let (capabilities, result) = Capabilities::read(list);
        self.capabilities = Some(capabilities);
        self.client = Some(PushClient {
            repo: Arc::clone(self.push.repo()),
            report_status: capabilities.report_status,
            side_band: capabilities.side_band,
            refs: Vec::new(),
        });
        if result.is_err() {
            // The refusal is told about this ref, if it is one.
            self.note(command.rsplit(|byte| *byte == b' ').next().unwrap_or_default());
        }
        result?;
        let format = capabilities.format;
        if self.shallow.iter().any(|id| format.id(id).is_none()) {
            return Err(CallError::command("a `shallow` line is not an object id in lower case"));
        }
        Ok(())
    }

    fn command(&mut self, command: &[u8]) -> Result<(), CallError> {
        let Some(capabilities) = self.capabilities else {
            return Err(CallError::command("the first command has no capabilities"));
        };
        let (old, new, name) = fields(command, capabilities)?;
        self.note(name);
        let name = refname::check(name).map_err(|flaw| CallError::ref_name(name, flaw))?;
        // An update twice in one push would be decided on in one order and done in another.
        if !self.seen.insert(name.to_owned()) {
            return Err(CallError::ref_name(name.as_bytes(), "the push names it twice"));
        }
        let update = match (is_no_object(old), is_no_object(new)) {
            (true, true) => return Err(CallError::command("neither an old nor a new object")),
            (true, false) => RefUpdate::create(name, old, new),
            (false, true) => RefUpdate::delete(name, old, new),
            (false, false) => RefUpdate::update(name, old, new),
        };
        // git prints of every ref that no report names that the server failed: this one says what is the matter.
        if self.push.len() >= MAX_COMMANDS {
            self.excess = true;
        } else {
            self.push.add(update);
        }
        Ok(())
    }

    /// Keeps a name for the report of a refusal, where a report can hold it.
    fn note(&mut self, name: &[u8]) {
        if let Some(client) = &mut self.client
            && let Ok(name) = refname::check(name)
        {
            client.refs.push(name.to_owned());
        }
    }

    /// A clone of limited depth says with these which of its commits have no parents there. They change no ref.
    fn shallow_line(&mut self, id: &[u8]) -> Result<(), CallError> {
        if self.capabilities.is_some() {
            return Err(CallError::command("a `shallow` line behind a command"));
        }
        self.shallow.push(id.to_vec());
        Ok(())
    }

    /// A signed push repeats its commands inside a certificate, and git runs plain commands beside it besides.
    fn signed_push(&mut self, line: &[u8]) -> CallError {
        if let Some(list) = line.strip_prefix(b"push-cert\0")
            && self.capabilities.is_none()
        {
            match self.first_capabilities(b"", list) {
                Ok(()) | Err(_) => {}
            }
        }
        CallError::command("a signed push (`push-cert`) cannot be decided on")
    }

    fn option(&mut self, option: String) -> Result<(), CallError> {
        if self.push.options().len() >= MAX_OPTIONS {
            return Err(CallError::limit("git.push.options", MAX_OPTIONS));
        }
        let bytes = self.push.options().iter().map(String::len).fold(option.len(), usize::saturating_add);
        if bytes > MAX_OPTION_BYTES {
            return Err(CallError::limit("git.push.option_bytes", MAX_OPTION_BYTES));
        }
        self.push.add_option(option);
        Ok(())
    }
}

const UNEXPECTED_SPECIAL: CallError =
    CallError::framing("a delimiter or response-end packet, which a push does not have");

const TOO_MANY_COMMANDS: CallError = CallError::limit("git.push.commands", MAX_COMMANDS);

/// `old SP new SP ref`.
fn fields(command: &[u8], capabilities: Capabilities) -> Result<(&str, &str, &[u8]), CallError> {
    let format = capabilities.format;
    let malformed = || {
        CallError::command("it is not `old SP new SP ref` with object ids of the push's format in lower case")
    };
    let (old, rest) = command.split_at_checked(format.digits()).ok_or_else(malformed)?;
    let rest = rest.strip_prefix(b" ").ok_or_else(malformed)?;
    let (new, rest) = rest.split_at_checked(format.digits()).ok_or_else(malformed)?;
    let name = rest.strip_prefix(b" ").ok_or_else(malformed)?;
    Ok((format.id(old).ok_or_else(malformed)?, format.id(new).ok_or_else(malformed)?, name))
}

fn option(packet: &[u8]) -> Result<String, CallError> {
    let line = packet.strip_suffix(b"\n").unwrap_or(packet);
    let text = str::from_utf8(line).map_err(|_| CallError::push_option("it is not UTF-8"))?;
    // git ends it at a NUL, and passes it to hooks in an environment variable.
    if text.chars().any(char::is_control) {
        return Err(CallError::push_option("a control character"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
