//! Which endpoint of a repository a request is for (gitprotocol-http(5)), and what its head must be like.

use std::sync::Arc;

use super::{
    calls::{fetch, probe},
    receive_pack::{MAX_PREFIX_BYTES, PushReader},
};
use crate::{adapter::BodyNeed, error::CallError, head::RequestHead, tool_call::ToolCalls};

const UPLOAD_PACK_REQUEST: &str = "application/x-git-upload-pack-request";
const RECEIVE_PACK_REQUEST: &str = "application/x-git-receive-pack-request";

/// Longer than any path of a hosting service; a repository's name is part of every ref's id.
const MAX_REPO_BYTES: usize = 512;

/// A request to one endpoint of one repository.
#[derive(Debug, Clone)]
pub struct GitRoute {
    repo: Arc<str>,
    endpoint: Endpoint,
}

/// The endpoints of the smart protocol. Everything else is refused: the dumb protocol (`HEAD`, `objects/`, `info/refs`
/// without a service), `git-upload-archive`, Git LFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET info/refs?service=git-upload-pack`: which refs there are.
    FetchAdvertisement,
    /// `GET info/refs?service=git-receive-pack`: which refs there are, for a push.
    PushAdvertisement,
    /// `POST git-upload-pack`: reading.
    UploadPack,
    /// `POST git-receive-pack`: changing refs.
    ReceivePack,
}

// === impl GitRoute ===

impl GitRoute {
    /// Reads the head of a request whose path below the service is `path`.
    ///
    /// # Errors
    /// What is none of the endpoints, exactly as git itself asks for them.
    pub(super) fn read(head: &RequestHead<'_>, path: &str) -> Result<Self, CallError> {
        if head.path().has_escaped_slash() {
            return Err(CallError::path("an escaped slash"));
        }
        let (repo, endpoint) = Endpoint::split(head.method(), path).ok_or(CallError::RouteUnknown)?;
        let (repo, endpoint) = match endpoint {
            Some(endpoint) => (repo, endpoint),
            None => (repo, Endpoint::advertised(head)?),
        };
        let route = Self { repo: repo_name(repo)?.into(), endpoint };
        route.check(head)?;
        Ok(route)
    }

    /// The repository.
    pub fn repo(&self) -> &str {
        &self.repo
    }

    /// What is asked of it.
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    fn check(&self, head: &RequestHead<'_>) -> Result<(), CallError> {
        // gitprotocol-v2(5): the client names its version; git gives the header to its programs as it is.
        let version = head.header("git-protocol");
        if !matches!(version, None | Some(b"version=0" | b"version=1" | b"version=2")) {
            return Err(CallError::refused(b"git-protocol", "it is not `version=0`, `1` or `2`"));
        }
        match self.endpoint {
            Endpoint::FetchAdvertisement | Endpoint::PushAdvertisement => {
                if head.content_length().unwrap_or(0) > 0 {
                    return Err(CallError::BodyNotAllowed);
                }
                return Ok(());
            }
            Endpoint::UploadPack | Endpoint::ReceivePack => {}
        }
        if let Some(parameter) = head.query().iter().next() {
            return Err(CallError::undeclared(&parameter.name));
        }
        let (wanted, coding_fits) = match self.endpoint {
            // git compresses what it asks for when it is long. It is not read here, and no coding makes it a change.
            Endpoint::UploadPack => {
                (UPLOAD_PACK_REQUEST, matches!(head.content_encoding(), None | Some(b"gzip")))
            }
            // git never compresses a push; servers would, and then other bytes would run than were read.
            Endpoint::ReceivePack | Endpoint::FetchAdvertisement | Endpoint::PushAdvertisement => {
                (RECEIVE_PACK_REQUEST, head.content_encoding().is_none())
            }
        };
        if head.content_type() != Some(wanted.as_bytes()) {
            return Err(CallError::BodyTypeRefused { expected: wanted });
        }
        if coding_fits { Ok(()) } else { Err(CallError::BodyEncodingRefused) }
    }

    /// How much of the body is needed.
    pub const fn body_need(&self) -> BodyNeed {
        match self.endpoint {
            Endpoint::FetchAdvertisement | Endpoint::PushAdvertisement => BodyNeed::None,
            Endpoint::UploadPack => BodyNeed::Ignore,
            Endpoint::ReceivePack => BodyNeed::Prefix { max: MAX_PREFIX_BYTES },
        }
    }

    /// What reads the body, where it is a push.
    pub fn reader(&self) -> Option<PushReader> {
        match self.endpoint {
            Endpoint::ReceivePack => Some(PushReader::new(Arc::clone(&self.repo))),
            Endpoint::FetchAdvertisement | Endpoint::PushAdvertisement | Endpoint::UploadPack => None,
        }
    }

    /// The tool calls, given the whole body where it decides.
    ///
    /// # Errors
    /// A body where there must be none, or one that is no push.
    pub fn extract(&self, body: &[u8]) -> Result<ToolCalls, CallError> {
        match self.endpoint {
            Endpoint::FetchAdvertisement | Endpoint::PushAdvertisement if !body.is_empty() => {
                Err(CallError::BodyNotAllowed)
            }
            Endpoint::FetchAdvertisement | Endpoint::UploadPack => Ok(fetch(&self.repo)),
            Endpoint::PushAdvertisement => Ok(probe(&self.repo)),
            Endpoint::ReceivePack => PushReader::new(Arc::clone(&self.repo))
                .feed(body, true)?
                .ok_or(CallError::framing("the push ends too early")),
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Every endpoint.
    pub const ALL: [Self; 4] =
        [Self::FetchAdvertisement, Self::PushAdvertisement, Self::UploadPack, Self::ReceivePack];

    /// The path of the repository, and the endpoint where the path alone says it: both services share `info/refs`.
    fn split<'p>(method: &str, path: &'p str) -> Option<(&'p str, Option<Self>)> {
        match method {
            "GET" => path.strip_suffix("/info/refs").map(|repo| (repo, None)),
            "POST" => {
                let upload = path.strip_suffix("/git-upload-pack").map(|repo| (repo, Self::UploadPack));
                let push = path.strip_suffix("/git-receive-pack").map(|repo| (repo, Self::ReceivePack));
                upload.or(push).map(|(repo, endpoint)| (repo, Some(endpoint)))
            }
            _ => None,
        }
    }

    /// git's server takes the last of two parameters, others the first; nothing but the one that git sends is read.
    fn advertised(head: &RequestHead<'_>) -> Result<Self, CallError> {
        match head.query().as_str() {
            Some("service=git-upload-pack") => return Ok(Self::FetchAdvertisement),
            Some("service=git-receive-pack") => return Ok(Self::PushAdvertisement),
            Some(_) | None => {}
        }
        match head.query().iter().find(|parameter| parameter.name != "service") {
            Some(other) => Err(CallError::undeclared(&other.name)),
            // Without a service it is the dumb protocol; another service is none of the endpoints.
            None => Err(CallError::RouteUnknown),
        }
    }
}

/// The name of the repository at `/team/payments.git`: `team/payments`.
fn repo_name(path: &str) -> Result<&str, CallError> {
    let invalid = |reason| CallError::argument("repo", reason);
    // Without `.git` git's server guesses: one repository would have two names.
    let name = path.strip_prefix('/').and_then(|path| path.strip_suffix(".git"));
    let name = name.filter(|name| !name.is_empty()).ok_or(CallError::RouteUnknown)?;
    if name.len() > MAX_REPO_BYTES {
        return Err(invalid("is longer than 512 bytes"));
    }
    for segment in name.split('/') {
        if segment.is_empty() || segment.starts_with(['.', '-']) {
            return Err(invalid("has a part that is empty or begins with `.` or `-`"));
        }
        // A repository inside a repository, or the other name that git's server would find this one under.
        if segment.ends_with(".git") {
            return Err(invalid("has a part that ends with `.git`"));
        }
        if !segment
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+'))
        {
            return Err(invalid("is not letters, digits, `-`, `_`, `.`, `~`, `+` and `/`"));
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
