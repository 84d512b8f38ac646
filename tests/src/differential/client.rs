//! The client of one exchange: it sends pieces when it is told to, and notes what comes back.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedWriteHalf},
    task::JoinSet,
};

use super::{
    live::Live,
    plan::{PartEnd, Piece, Plan, Protocol},
    seen::Message,
    wire,
};

/// A connection.
#[derive(Debug)]
pub struct Client {
    side: Side,
    live: Arc<Live>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
enum Side {
    Http1(OwnedWriteHalf),
    Http2 { sender: h2::client::SendRequest<Bytes>, stream: Option<SendStream<Bytes>> },
}

// === impl Client ===

impl Client {
    /// Connects. None where nobody listens any more.
    pub async fn connect(address: SocketAddr, plan: &Plan, live: Arc<Live>) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).expect("no delay");
        let mut tasks = JoinSet::new();
        let side = match plan.protocol {
            Protocol::Http1 => {
                let (mut reader, writer) = stream.into_split();
                let (live, bodiless) = (Arc::clone(&live), plan.method == "HEAD");
                tasks.spawn(async move {
                    let mut bytes = Vec::new();
                    while matches!(reader.read_buf(&mut bytes).await, Ok(1..)) {
                        live.note(|seen| seen.client = wire::message(&bytes, bodiless));
                    }
                    live.end();
                });
                Side::Http1(writer)
            }
            Protocol::Http2 => {
                let (sender, connection) = h2::client::handshake(stream).await.ok()?;
                tasks.spawn(async move { if let Err(_closed) = connection.await {} });
                Side::Http2 { sender, stream: None }
            }
        };
        Some(Self { side, live, tasks })
    }

    /// Sends a piece. A proxy that has answered may read no further.
    pub async fn send(&mut self, plan: &Plan, piece: &Piece) {
        match &mut self.side {
            Side::Http1(writer) => {
                let start = format!("{} {} HTTP/1.1\r\nhost: {}", plan.method, plan.path, plan.authority);
                let bytes = wire::bytes(&start, &plan.request, piece);
                if let Err(_closed) = writer.write_all(&bytes).await {}
            }
            Side::Http2 { sender, stream } => match piece {
                Piece::Head(end) => {
                    let Ok((response, own)) = sender.send_request(head(plan), *end) else { return };
                    *stream = Some(own);
                    let live = Arc::clone(&self.live);
                    self.tasks.spawn(async move {
                        if let Err(_reset) = receive(response, &live).await {}
                        live.end();
                    });
                }
                Piece::Part(data, end) => {
                    let data = Bytes::copy_from_slice(data);
                    if let Some(stream) = stream
                        && let Err(_reset) = stream.send_data(data, *end != PartEnd::No)
                    {}
                }
                Piece::End => {
                    if let Some(stream) = stream
                        && let Err(_reset) = stream.send_data(Bytes::new(), true)
                    {}
                }
                Piece::Trailers => {
                    let fields = map(&plan.request.trailers);
                    if let Some(stream) = stream
                        && let Err(_reset) = stream.send_trailers(fields)
                    {}
                }
            },
        }
    }

    /// Goes away.
    pub async fn leave(&mut self) {
        match &mut self.side {
            Side::Http1(writer) => if let Err(_closed) = writer.shutdown().await {},
            Side::Http2 { stream, .. } => {
                if let Some(stream) = stream {
                    stream.send_reset(Reason::CANCEL);
                }
            }
        }
    }
}

async fn receive(response: h2::client::ResponseFuture, live: &Live) -> Result<(), h2::Error> {
    let (head, mut body) = response.await?.into_parts();
    let mut message = Message::new(head.status.as_str().to_owned(), fields(&head.headers));
    message.complete = body.is_end_stream();
    live.note(|seen| seen.client = Some(message.clone()));
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        message.body.extend(&data);
        message.complete = body.is_end_stream();
        live.note(|seen| seen.client = Some(message.clone()));
    }
    if let Some(trailers) = body.trailers().await? {
        message.trailers = fields(&trailers).collect();
        message.trailers.sort();
    }
    message.complete = true;
    live.note(|seen| seen.client = Some(message));
    Ok(())
}

fn head(plan: &Plan) -> Request<()> {
    let uri = format!("http://{}{}", plan.authority, plan.path);
    let mut request = Request::builder().method(plan.method.as_str()).uri(uri).body(()).expect("a request");
    *request.headers_mut() = map(&plan.request.headers);
    request
}

fn map(fields: &[(String, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    map
}

fn fields(map: &HeaderMap) -> impl Iterator<Item = (String, String)> {
    map.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    })
}
