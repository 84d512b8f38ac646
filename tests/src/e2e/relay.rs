//! A wire between the gateway and a real server that counts what passes, and can be cut: what an upstream saw is asked of
//! the wire, not of the gateway that should have kept it back.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A relay to one address. It ends when it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

// === impl Relay ===

impl Relay {
    /// Relays to `upstream`.
    pub async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let (cut, state) = watch::channel(false);
        let task = tokio::spawn(relay(listener, upstream, Arc::clone(&connections), state));
        Self { address, connections, cut, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were opened: without one, the upstream saw nothing.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Cuts every connection, in the middle of what passes, and lets none be made.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Lets connections be made again.
    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(
    listener: TcpListener,
    upstream: SocketAddr,
    connections: Arc<AtomicUsize>,
    cut: watch::Receiver<bool>,
) {
    while let Ok((mut near, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let mut cut = cut.clone();
        tokio::spawn(async move {
            let passing = async {
                let Ok(mut far) = TcpStream::connect(upstream).await else { return };
                // Either side may leave as it likes.
                if let Err(_left) = copy_bidirectional(&mut near, &mut far).await {}
            };
            tokio::select! {
                biased;
                _ = cut.wait_for(|cut| *cut) => {}
                () = passing => {}
            }
        });
    }
}
