//! A thread with a VM of its own, as an Envoy worker is one.

use std::{cell::RefCell, io, net, rc::Rc, thread, time::Duration};

use hyper::{Request, Version, body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::{LocalSet, spawn_local},
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{
    codec::{Guarded, Head, Heads, Refusal},
    exchange::{self, Context},
    instance::{Instance, tell},
    pipe::{BrokenOff, Flow},
    recorder::Recorder,
    upstream::{BUFFER, Pool},
};
use crate::host::Vm;

/// How long a connection may take to tell its client that it is cut off.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a worker that ends waits for records to be taken.
const FLUSH: Duration = Duration::from_secs(2);

/// How often a VM that has no requests any more is let send, and how many times.
const ROUND: Duration = Duration::from_millis(100);
const RETIRING: usize = 10;

/// A client that sends no head for that long, or nothing between two requests, is cut off.
const HEAD: Duration = Duration::from_secs(60);

/// Whether there is still work to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// What has begun goes on to its end.
    Draining,
    /// Nothing goes on.
    Over,
}

/// What a worker begins with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) listener: net::TcpListener,
    pub(super) instance: Seed,
    pub(super) instances: mpsc::UnboundedReceiver<Seed>,
    pub(super) recorder: Recorder,
    pub(super) phase: watch::Receiver<Phase>,
}

/// What an [`Instance`] is made of on the thread that it belongs to.
#[derive(Debug)]
pub(super) struct Seed {
    pub(super) vm: Vm,
    pub(super) world: std::sync::Arc<super::instance::World>,
}

/// Runs futures on the thread that they were made on.
#[derive(Debug, Clone, Copy)]
struct Here;

impl<F> Executor<F> for Here
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// Starts a worker.
pub(super) fn start(number: usize, start: Start) -> io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = move || {
        if let Err(error) = runtime.block_on(LocalSet::new().run_until(work(start))) {
            tell(&format!("error: a worker ended: {error}"));
        }
    };
    thread::Builder::new().name(format!("worker {number}")).spawn(work)
}

async fn work(start: Start) -> io::Result<()> {
    let Start { listener, instance, mut instances, recorder, mut phase } = start;
    let listener = TcpListener::from_std(listener)?;
    let (pool, tasks) = (Pool::default(), TaskTracker::new());
    let current = Rc::new(RefCell::new(settle(instance, &pool, &tasks)));
    let connections = GracefulShutdown::new();
    let phases = phase.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let context = Context {
                        instance: Rc::clone(&*current.borrow()),
                        pool: pool.clone(),
                        tasks: tasks.clone(),
                        recorder: recorder.clone(),
                        phase: phases.clone(),
                        peer,
                    };
                    serve(stream, context, Rc::clone(&current), &connections);
                }
                // Out of files, mostly: others have to end first.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(seed) = instances.recv() => {
                let old = current.replace(settle(seed, &pool, &tasks));
                spawn_local(retire(old));
            }
            _ = phase.wait_for(|phase| *phase != Phase::Running) => break,
        }
    }
    drop(listener);
    tasks.close();
    let drained = async {
        connections.shutdown().await;
        // Exchanges that have yet to leave their record, and outcomes of claims that have yet to be told.
        tasks.wait().await;
        flush(&current, &tasks).await;
    };
    tokio::pin!(drained);
    tokio::select! {
        () = &mut drained => return Ok(()),
        _ = phase.wait_for(|phase| *phase == Phase::Over) => {}
    }
    // Each exchange that is cut off leaves its record.
    if let Err(_elapsed) = timeout(FAREWELL, drained).await {}
    Ok(())
}

/// Records that wait to be sent are sent: the timer comes round as long as something is asked for then.
async fn flush(current: &RefCell<Rc<Instance>>, tasks: &TaskTracker) {
    let instance = Rc::clone(&*current.borrow());
    let sent = async {
        loop {
            instance.tick();
            if tasks.is_empty() {
                break;
            }
            tasks.wait().await;
        }
    };
    // What is not taken by then is in the log all the same.
    if let Err(_elapsed) = timeout(FLUSH, sent).await {}
}

/// A VM whose place is taken goes on until its last request is over, and sends the records that wait.
async fn retire(instance: Rc<Instance>) {
    let alone = |instance: &Rc<Instance>| Rc::strong_count(instance) == 1;
    // Its own timer holds it for a moment now and then.
    let mut rounds = RETIRING;
    while rounds > 0 {
        sleep(ROUND).await;
        if alone(&instance) {
            rounds = rounds.saturating_sub(1);
            instance.tick();
        }
    }
}

/// Takes a VM over, and keeps its timer.
fn settle(seed: Seed, pool: &Pool, tasks: &TaskTracker) -> Rc<Instance> {
    let instance = Instance::new(seed.vm, seed.world, pool.clone(), tasks.clone());
    let period = instance.with(|vm| vm.tick_period());
    if period > 0 {
        let weak = Rc::downgrade(&instance);
        spawn_local(async move {
            loop {
                sleep(Duration::from_millis(period.into())).await;
                let Some(instance) = weak.upgrade() else { return };
                instance.tick();
            }
        });
    }
    instance
}

fn serve(
    stream: TcpStream,
    context: Context,
    current: Rc<RefCell<Rc<Instance>>>,
    connections: &GracefulShutdown,
) {
    if let Err(_gone) = stream.set_nodelay(true) {
        return;
    }
    let heads = Heads::default();
    let io = TokioIo::new(Guarded::new(stream, heads.clone()));
    let service = service_fn(move |request: Request<Incoming>| {
        let instance = Rc::clone(&*current.borrow());
        answer(Context { instance, ..context.clone() }, request, heads.clone())
    });
    let mut server = auto::Builder::new(Here);
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(BUFFER);
    server.http2().timer(TokioTimer::new()).max_send_buf_size(BUFFER);
    let connection = connections.watch(server.serve_connection(io, service).into_owned());
    // How a connection ends is told by its exchanges.
    spawn_local(async move { if let Err(_told) = connection.await {} });
}

async fn answer(
    context: Context,
    request: Request<Incoming>,
    heads: Heads,
) -> Result<hyper::Response<Flow>, BrokenOff> {
    let (parts, body) = request.into_parts();
    let is_http2 = parts.version == Version::HTTP_2;
    let head = if is_http2 { of_stream(&heads, parts.uri.path()) } else { heads.next() };
    let (reply, response) = oneshot::channel();
    // A head that nobody has read belongs to nobody.
    let head = head.ok_or(BrokenOff)?;
    let tasks = context.tasks.clone();
    tasks.spawn_local(exchange::play(context, head, body, is_http2, reply));
    response.await.map_err(|_broken| BrokenOff)
}

/// The head that another stands in for, whose path says which stream it is.
fn of_stream(heads: &Heads, path: &str) -> Option<Result<Head, Refusal>> {
    heads.of_stream(path.strip_prefix('/')?.parse().ok()?)
}
