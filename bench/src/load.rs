//! A load generator: a fixed number of HTTP/1.1 requests over kept connections, with every answer looked at.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// No answer takes this long on loopback but one that never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is longer is no answer of these servers.
const MAX_ANSWER: usize = 64 * 1024;

/// Kept connections to one listener, and the requests that go round on them.
#[derive(Debug)]
pub(crate) struct Load {
    connections: Vec<Connection>,
    requests: Vec<Vec<u8>>,
    next: usize,
    expected: u16,
}

/// One kept connection. No request is sent before the last one is answered.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Whether an answer is due.
    waits: bool,
}

/// The part of an answer that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

// === impl Load ===

impl Load {
    /// Opens `connections` to `address`. Each answer must have the status `expected`.
    pub(crate) fn open(
        address: SocketAddr,
        connections: usize,
        requests: Vec<Vec<u8>>,
        expected: u16,
    ) -> io::Result<Self> {
        let connections = (0..connections).map(|_| Connection::open(address)).collect::<io::Result<_>>()?;
        Ok(Self { connections, requests, next: 0, expected })
    }

    /// Sends `count` requests, each connection its next one as soon as the last is answered.
    pub(crate) fn run(&mut self, count: usize) -> io::Result<()> {
        let Self { connections, requests, next, expected } = self;
        let mut left = count;
        let mut open = 0usize;
        for connection in connections.iter_mut().take(count) {
            connection.send(pick(requests, next)?)?;
            left = left.saturating_sub(1);
            open = open.saturating_add(1);
        }
        while open > 0 {
            for connection in connections.iter_mut().take(count) {
                if !connection.waits {
                    continue;
                }
                let answer = connection.receive()?;
                if answer.status != *expected {
                    return Err(strange(&answer, *expected));
                }
                if left > 0 {
                    connection.send(pick(requests, next)?)?;
                    left = left.saturating_sub(1);
                } else {
                    open = open.saturating_sub(1);
                }
            }
        }
        Ok(())
    }
}

fn pick<'a>(requests: &'a [Vec<u8>], next: &mut usize) -> io::Result<&'a [u8]> {
    let index = next.checked_rem(requests.len()).unwrap_or_default();
    *next = index.saturating_add(1);
    requests.get(index).map(Vec::as_slice).ok_or_else(|| io::Error::other("there is no request to send"))
}

fn strange(answer: &Answer, expected: u16) -> io::Error {
    let Answer { status, body } = answer;
    io::Error::other(format!("status {status} instead of {expected}: {}", String::from_utf8_lossy(body)))
}

// === impl Connection ===

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; MAX_ANSWER], waits: false })
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.waits = true;
        self.stream.write_all(request)
    }

    fn receive(&mut self) -> io::Result<Answer> {
        let mut filled = 0usize;
        loop {
            let room = self.buffer.get_mut(filled..).filter(|room| !room.is_empty());
            let room = room.ok_or_else(|| io::Error::other("an answer is too long"))?;
            let read = self.stream.read(room)?;
            if read == 0 {
                return Err(io::Error::other("the connection was closed before an answer was whole"));
            }
            filled = filled.saturating_add(read);
            let so_far = self.buffer.get(..filled).unwrap_or_default();
            if let Some(answer) = Answer::read(so_far)? {
                self.waits = false;
                return Ok(answer);
            }
        }
    }
}

// === impl Answer ===

impl Answer {
    /// One request on a connection of its own.
    pub(crate) fn to(address: SocketAddr, request: &[u8]) -> io::Result<Self> {
        let mut connection = Connection::open(address)?;
        connection.send(request)?;
        connection.receive()
    }

    /// An answer with `content-length`, once it is whole (RFC 9112 section 6.3, point 6).
    fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let head = bytes.get(..end).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(io::Error::other)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("an answer without a status"))?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        let length = length
            .ok_or_else(|| io::Error::other(format!("status {status} without a content-length")))?
            .map_err(io::Error::other)?;
        let start = end.saturating_add(4);
        let whole = bytes.get(start..start.saturating_add(length));
        if bytes.len() > start.saturating_add(length) {
            return Err(io::Error::other("bytes after an answer"));
        }
        Ok(whole.map(|body| Self { status, body: body.to_vec() }))
    }
}

#[cfg(test)]
mod tests;
