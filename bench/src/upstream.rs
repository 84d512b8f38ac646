//! The least that is an upstream: whatever is asked, the same short answer.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";

/// Serves on a free port until this program ends.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away ends its own thread.
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

/// The result of a tool, to whoever sends a message.
const RESULT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 64\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[],\"isError\":false}}";

/// Answers each request, once its body is there.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0u8; 16 * 1024];
    let mut filled = 0usize;
    loop {
        let room = buffer.get_mut(filled..).filter(|room| !room.is_empty());
        let Some(room) = room else { return Err(io::Error::other("a request is too long")) };
        let read = stream.read(room)?;
        if read == 0 {
            return Ok(());
        }
        filled = filled.saturating_add(read);
        let request = buffer.get(..filled).unwrap_or_default();
        if let Some(is_message) = whole(request)? {
            filled = 0;
            stream.write_all(if is_message { RESULT } else { ANSWER })?;
        }
    }
}

/// Whether a request that has come as a whole is a message; nothing as long as more is to come.
fn whole(request: &[u8]) -> io::Result<Option<bool>> {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(request.get(..end).unwrap_or_default()).map_err(io::Error::other)?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.transpose().map_err(io::Error::other)?;
    let size = end.saturating_add(4).saturating_add(length.unwrap_or_default());
    Ok((request.len() >= size).then(|| head.starts_with("POST ")))
}
