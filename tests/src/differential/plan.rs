//! One exchange: what the client and the upstream do, piece by piece.

use std::fmt;

/// The filter that stands in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The probe filter, which the request gives its script.
    Probe,
    /// The plugin with one of the bundles, by its number.
    Actgate(usize),
}

/// How the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    Http2,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By the length that was announced.
    Length,
    /// By a last chunk; in HTTP/2, by an empty frame.
    Chunks,
    /// By a flag at the last part, which only HTTP/2 has.
    Flag,
}

/// A message in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    /// Header fields, the framing excepted; of a request, pseudo-headers are beside it.
    pub headers: Vec<(String, String)>,
    /// The parts of the body, none of them empty; no body where absent.
    pub parts: Option<Vec<Vec<u8>>>,
    /// How the body ends.
    pub framing: Framing,
    /// What follows the body; only where it is framed by chunks.
    pub trailers: Vec<(String, String)>,
}

/// What the upstream does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it does not wait for the end of the request.
    pub early: bool,
    /// The status.
    pub status: u16,
    /// The response.
    pub pieces: Pieces,
    /// After how many pieces it closes the connection: 0 is at once.
    pub closes_after: Option<usize>,
    /// Whether it never says anything.
    pub silent: bool,
}

/// An exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The number that it is made of, and its name.
    pub seed: u64,
    /// What it is about, for who reads a failure.
    pub about: String,
    /// The filter.
    pub filter: Filter,
    /// How the client speaks.
    pub protocol: Protocol,
    /// The method.
    pub method: String,
    /// The request target.
    pub path: String,
    /// The host.
    pub authority: String,
    /// The request.
    pub request: Pieces,
    /// After how many pieces the client goes away.
    pub leaves_after: Option<usize>,
    /// The upstream.
    pub answer: Answer,
}

/// A piece of a message, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// The head; `true` where nothing follows.
    Head(bool),
    /// A part of the body.
    Part(Vec<u8>, PartEnd),
    /// The end of the body.
    End,
    /// Trailers.
    Trailers,
}

/// What a part of a body says about the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartEnd {
    /// More follows, if only the end.
    No,
    /// It is the last one, and says so.
    With,
    /// It is the last one, and the proxy sees so right after it.
    After,
}

/// One move of the game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// The client sends.
    Request(Piece),
    /// The client goes away.
    Leave,
    /// The upstream sends.
    Response(Piece),
    /// The upstream closes its connection.
    Close,
}

// === impl Pieces ===

impl Pieces {
    /// The pieces in their order.
    pub fn pieces(&self) -> Vec<Piece> {
        let Some(parts) = &self.parts else { return vec![Piece::Head(true)] };
        let mut pieces = vec![Piece::Head(false)];
        for (index, part) in parts.iter().enumerate() {
            let end = match self.framing {
                _ if index + 1 < parts.len() => PartEnd::No,
                Framing::Length => PartEnd::After,
                Framing::Flag => PartEnd::With,
                Framing::Chunks => PartEnd::No,
            };
            pieces.push(Piece::Part(part.clone(), end));
        }
        match self.framing {
            Framing::Chunks if self.trailers.is_empty() => pieces.push(Piece::End),
            Framing::Chunks => pieces.push(Piece::Trailers),
            Framing::Length | Framing::Flag => {}
        }
        pieces
    }

    /// The whole body.
    pub fn length(&self) -> usize {
        self.parts.iter().flatten().map(Vec::len).sum()
    }
}

// === impl Plan ===

impl Plan {
    /// What the client does, and what the upstream does.
    pub fn sides(&self) -> (Vec<Move>, Vec<Move>) {
        let mut client: Vec<Move> = self.request.pieces().into_iter().map(Move::Request).collect();
        if let Some(count) = self.leaves_after {
            client.truncate(count.max(1));
            client.push(Move::Leave);
        }
        if self.answer.silent {
            return (client, Vec::new());
        }
        let mut upstream: Vec<Move> = self.answer_pieces().pieces().into_iter().map(Move::Response).collect();
        if let Some(count) = self.answer.closes_after
            && count < upstream.len()
        {
            upstream.truncate(count);
            upstream.push(Move::Close);
        }
        (client, upstream)
    }

    /// The response, which has no body where there is none (RFC 9110 section 6.4.1).
    pub fn answer_pieces(&self) -> Pieces {
        let mut pieces = self.answer.pieces.clone();
        if self.method == "HEAD" || matches!(self.answer.status, 204 | 304) {
            pieces.parts = None;
        }
        pieces
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(piece) => write!(f, ">{piece}"),
            Self::Response(piece) => write!(f, "<{piece}"),
            Self::Leave => f.write_str(">leaves"),
            Self::Close => f.write_str("<closes"),
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(end) => write!(f, "head{}", if *end { "." } else { "" }),
            Self::Part(data, end) => {
                write!(f, "{}{}", data.len(), if *end == PartEnd::No { "" } else { "." })
            }
            Self::End => f.write_str("end."),
            Self::Trailers => f.write_str("trailers."),
        }
    }
}
