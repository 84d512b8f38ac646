//! A compiled module.

mod cache;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use wasmtime::{Config, Engine, InstancePre, Linker, OptLevel, WasmBacktraceDetails};

use self::cache::CodeCache;
use super::{abi, state::Host};

/// How a module is compiled and run.
#[derive(Debug, Clone, Default)]
pub struct ModuleOptions {
    /// A folder where compiled code is kept, by the content of the module, the version of the compiler and its settings.
    /// What is damaged there, or was changed, is compiled anew; where it cannot be used, it is not. Whoever can write
    /// there can run code here: it belongs to the user alone.
    pub cache: Option<PathBuf>,
    /// Whether instructions are counted, which makes them a third slower.
    pub fuel: bool,
    /// Whether [`super::Vm::trace`] can be asked, which makes everything a hundred times slower. Instructions are counted
    /// too.
    pub trace: bool,
    /// After how long a callback that does not return is ended; never where absent.
    pub deadline: Option<Duration>,
}

/// A module, compiled and linked: what [`super::Vm`]s are made of. Clones are the same.
#[derive(Clone)]
pub struct Module(Arc<Compiled>);

struct Compiled {
    engine: Engine,
    instance: InstancePre<Host>,
    options: ModuleOptions,
    _ticker: Option<Ticker>,
}

/// Why there is no module.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no module of this ABI, or imports what no host has.
    #[error("not a proxy-wasm module: {0}")]
    Refused(String),
    /// The compiler does not start.
    #[error("cannot set up the compiler: {0}")]
    Compiler(String),
}

/// Moves the engine's epoch on, by which deadlines are kept.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How often the epoch moves: a deadline is kept to a tick.
const TICK: Duration = Duration::from_millis(10);

/// The only ABI that this host speaks.
const ABI: &str = "proxy_abi_version_0_2_1";

// === impl Module ===

impl Module {
    /// Compiles a file.
    ///
    /// # Errors
    /// Any [`ModuleError`].
    pub fn read(path: &Path, options: &ModuleOptions) -> Result<Self, ModuleError> {
        let unreadable = |error| ModuleError::Unreadable { path: path.to_owned(), error };
        Self::compile(&fs::read(path).map_err(unreadable)?, options)
    }

    /// Compiles a module.
    ///
    /// # Errors
    /// [`ModuleError::Refused`], [`ModuleError::Compiler`].
    pub fn compile(bytes: &[u8], options: &ModuleOptions) -> Result<Self, ModuleError> {
        let compiler = |error: wasmtime::Error| ModuleError::Compiler(format!("{error:#}"));
        let refused = |error: wasmtime::Error| ModuleError::Refused(format!("{error:#}"));
        let cache = options.cache.as_deref().and_then(|folder| CodeCache::open(folder).ok());
        let engine = Engine::new(&config(options, cache.as_ref())).map_err(compiler)?;
        let module = wasmtime::Module::new(&engine, bytes).map_err(refused)?;
        // What could not be noted is compiled anew the next time.
        if let Some(Err(_unnoted)) = cache.map(|cache| cache.seal()) {}
        if module.get_export(ABI).is_none() {
            return Err(ModuleError::Refused(format!("it does not export `{ABI}`")));
        }
        let mut linker = Linker::new(&engine);
        abi::link(&mut linker).map_err(compiler)?;
        let instance = linker.instantiate_pre(&module).map_err(refused)?;
        let ticker = match options.deadline {
            Some(_) => Some(Ticker::start(engine.clone()).map_err(|error| compiler(error.into()))?),
            None => None,
        };
        Ok(Self(Arc::new(Compiled { engine, instance, options: options.clone(), _ticker: ticker })))
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn instance(&self) -> &InstancePre<Host> {
        &self.0.instance
    }

    pub(super) fn counts_fuel(&self) -> bool {
        self.0.options.fuel || self.traces()
    }

    pub(super) fn traces(&self) -> bool {
        self.0.options.trace
    }

    /// The deadline of a callback, in ticks.
    pub(super) fn deadline(&self) -> Option<u64> {
        let ticks = self.0.options.deadline?.as_millis().div_ceil(TICK.as_millis().max(1));
        // The tick that is under way does not count.
        Some(u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(1))
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("options", &self.0.options).finish_non_exhaustive()
    }
}

fn config(options: &ModuleOptions, cache: Option<&CodeCache>) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .consume_fuel(options.fuel || options.trace)
        .epoch_interruption(options.deadline.is_some() || options.trace)
        .cache(cache.and_then(|cache| cache.for_engine().ok()));
    config
}

// === impl Ticker ===

impl Ticker {
    fn start(engine: Engine) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let tick = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                engine.increment_epoch();
            }
        };
        let thread = thread::Builder::new().name("wasm epoch".to_owned()).spawn(tick)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(_panicked)) = self.thread.take().map(JoinHandle::join) {}
    }
}
