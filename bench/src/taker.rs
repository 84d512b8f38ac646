//! Whoever takes records: at once and always, since what the service does with them is another process's time.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Longer than a batch and its head.
const MAX_REQUEST: usize = 2 << 20;

/// Serves on a free port until this program ends.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A proxy that goes away ends its own thread.
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut held: Vec<u8> = Vec::new();
    let mut part = vec![0u8; 64 * 1024];
    loop {
        while let Some((end, answer)) = answer(&held) {
            held.drain(..end.min(held.len()));
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            );
            stream.write_all(head.as_bytes())?;
        }
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        held.extend_from_slice(part.get(..read).unwrap_or_default());
        if held.len() > MAX_REQUEST {
            return Err(io::Error::other("a request is too long"));
        }
    }
}

/// Where the first request ends, and what is answered; nothing where it has not all come.
fn answer(held: &[u8]) -> Option<(usize, String)> {
    let head = held.windows(4).position(|window| window == b"\r\n\r\n")?.checked_add(4)?;
    let text = std::str::from_utf8(held.get(..head)?).ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let end = head.checked_add(length.unwrap_or_default())?;
    let body = std::str::from_utf8(held.get(head..end)?).unwrap_or_default();
    let said = if text.starts_with("POST /v1/attempts ") { receipt(body) } else { acknowledged(body) };
    Some((end, said.unwrap_or_default().to_string()))
}

fn receipt(body: &str) -> Option<Value> {
    let record = body.split_once(",\"record\":")?.1.strip_suffix('}')?;
    let parsed: Value = serde_json::from_str(record).ok()?;
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(record.as_bytes()));
    Some(json!({ "id": parsed.get("id")?, "digest": format!("sha-256:{digest}") }))
}

fn acknowledged(body: &str) -> Option<Value> {
    let batch: Value = serde_json::from_str(body).ok()?;
    let events = batch.get("events")?.as_array()?;
    Some(json!({ "stored": events.len(), "known": 0, "last": events.last()?.get("sequence")? }))
}
