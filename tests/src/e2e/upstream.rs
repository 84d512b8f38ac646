//! An upstream that sends its response piece by piece, each when the test says so.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

use super::h1::find;

/// A server for one request.
#[derive(Debug)]
pub struct Paced {
    address: SocketAddr,
    pieces: UnboundedSender<Vec<u8>>,
    task: JoinHandle<()>,
}

// === impl Paced ===

impl Paced {
    /// Listens.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (pieces, receiver) = unbounded_channel();
        Self { address, pieces, task: tokio::spawn(serve(listener, receiver)) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends these bytes of the response now.
    pub fn send(&self, bytes: &[u8]) {
        self.pieces.send(bytes.to_vec()).expect("it serves");
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, mut pieces: UnboundedReceiver<Vec<u8>>) {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    read_head(&mut stream).await;
    while let Some(piece) = pieces.recv().await {
        stream.write_all(&piece).await.expect("a write");
    }
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while find(&head, b"\r\n\r\n").is_none() {
        assert!(stream.read_buf(&mut head).await.expect("a read") > 0, "the request ended in its head");
    }
}
