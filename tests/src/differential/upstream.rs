//! The upstream of all exchanges: it notes what comes, and sends what it is told to.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use super::{
    live::{Command, Register},
    scripts::TAG,
    wire,
};

/// It ends when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

// === impl Upstream ===

impl Upstream {
    /// Starts it on a free port.
    pub async fn start(register: Register) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, register.clone()));
            }
        });
        Self { address, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// One connection carries one exchange: Envoy is told so.
async fn serve(stream: TcpStream, register: Register) {
    stream.set_nodelay(true).expect("no delay");
    let (mut reader, mut writer) = stream.into_split();
    let (sender, mut commands) = mpsc::unbounded_channel();
    let mut bytes = Vec::new();
    let mut live = None;
    loop {
        tokio::select! {
            read = reader.read_buf(&mut bytes) => {
                if !matches!(read, Ok(1..)) {
                    return;
                }
                let Some(message) = wire::message(&bytes, false) else { continue };
                if live.is_none() {
                    let tag = message.headers.iter().find(|(name, _)| name == TAG);
                    live = tag.and_then(|(_, tag)| register.find(tag));
                    if let Some(live) = &live {
                        live.connect(sender.clone());
                    }
                }
                if let Some(live) = &live {
                    live.note(|seen| seen.upstream = Some(message));
                }
            }
            command = commands.recv() => match command {
                Some(Command::Send(bytes)) => {
                    if writer.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Some(Command::Close) | None => return,
            },
        }
    }
}
