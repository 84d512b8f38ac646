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

/// Answers each head; requests without a body are all there are.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0u8; 16 * 1024];
    let mut filled = 0usize;
    loop {
        let room = buffer.get_mut(filled..).filter(|room| !room.is_empty());
        let Some(room) = room else { return Err(io::Error::other("a head is too long")) };
        let read = stream.read(room)?;
        if read == 0 {
            return Ok(());
        }
        filled = filled.saturating_add(read);
        if buffer.get(..filled).is_some_and(|head| head.ends_with(b"\r\n\r\n")) {
            filled = 0;
            stream.write_all(ANSWER)?;
        }
    }
}
