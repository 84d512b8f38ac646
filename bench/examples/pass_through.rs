//! A reverse proxy that only passes on, on one thread: what `actgate serve` is held against. `pass_through LISTEN UPSTREAM`.

use std::{cell::RefCell, convert::Infallible, error::Error, net::SocketAddr, rc::Rc};

use http_body_util::BodyExt as _;
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{LocalSet, spawn_local},
};

type Body = http_body_util::combinators::BoxBody<hyper::body::Bytes, hyper::Error>;

/// Connections that wait for another request.
type Pool = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(upstream)) = (arguments.next(), arguments.next()) else {
        return Err("pass_through LISTEN UPSTREAM".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(serve(listen.parse()?, upstream.parse()?)))
}

async fn serve(listen: SocketAddr, upstream: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(listen).await?;
    let pool = Pool::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pool = Rc::clone(&pool);
        let service = service_fn(move |request| pass(request, upstream, Rc::clone(&pool)));
        let connection = hyper::server::conn::http1::Builder::new();
        let connection = connection.serve_connection(TokioIo::new(stream), service);
        spawn_local(async move { if let Err(_told) = connection.await {} });
    }
}

async fn pass(
    request: Request<Incoming>,
    upstream: SocketAddr,
    pool: Pool,
) -> Result<Response<Body>, Infallible> {
    Ok(match send(request, upstream, pool).await {
        Ok(response) => response.map(|body| body.boxed()),
        Err(error) => {
            let body = http_body_util::Full::from(error.to_string()).map_err(|never| match never {});
            let mut response = Response::new(body.boxed());
            *response.status_mut() = hyper::StatusCode::BAD_GATEWAY;
            response
        }
    })
}

async fn send(
    request: Request<Incoming>,
    upstream: SocketAddr,
    pool: Pool,
) -> Result<Response<Incoming>, Box<dyn Error>> {
    let waiting = pool.borrow_mut().pop();
    let mut sender = match waiting.filter(SendRequest::is_ready) {
        Some(sender) => sender,
        None => {
            let stream = TcpStream::connect(upstream).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            spawn_local(async move { if let Err(_told) = connection.await {} });
            sender
        }
    };
    let response = sender.send_request(request).await?;
    spawn_local(async move {
        if sender.ready().await.is_ok() {
            pool.borrow_mut().push(sender);
        }
    });
    Ok(response)
}
