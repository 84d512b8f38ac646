//! One per VM: the loaded bundle, the token cache and the counters that its requests share.

use std::{cell::RefCell, rc::Rc};

use actgate_authz::{Authorizer, BundleDocument, Mode, ProofMemory, SecretKey, SharedData, TokenCache};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};

use crate::{
    cryptography, delivery::Delivery, host, http::Request, ids::Ids, keys::Keys, memory::Memory,
    metrics::Metrics, proofs, room::Room, sessions,
};

/// What requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) authorizer: Authorizer,
    pub(crate) cache: RefCell<TokenCache>,
    pub(crate) metrics: Metrics,
    pub(crate) ids: Ids,
    /// Where records go, beside the proxy's log.
    pub(crate) delivery: Option<RefCell<Delivery>>,
    /// What it shares with the gates of other workers.
    pub(crate) memory: Rc<dyn SharedData>,
    pub(crate) room: Rc<Room>,
    /// The root context's id.
    pub(crate) root: u32,
}

/// The plugin's root context.
#[derive(Debug)]
pub(crate) struct Root {
    id: u32,
    shared: Option<Rc<Shared>>,
    keys: Option<Keys>,
}

/// The variable of the VM's environment that holds the key with which secret arguments are sealed for approvers, as
/// base64url. A bundle is no place for it: Envoy shows its configuration.
const SECRETS_KEY: &str = "ACTGATE_SECRETS_KEY";

impl Root {
    pub(crate) const fn new(id: u32) -> Self {
        Self { id, shared: None, keys: None }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _headers: usize, body_size: usize, _trailers: usize) {
        let (Some(shared), Some(keys)) = (&self.shared, &mut self.keys) else { return };
        let is_of_ledger = |delivery: &RefCell<Delivery>| delivery.borrow_mut().on_answer(token, body_size);
        if !shared.delivery.as_ref().is_some_and(is_of_ledger) {
            keys.on_answer(token, body_size, &mut shared.cache.borrow_mut());
        }
    }
}

impl RootContext for Root {
    /// Loads the bundle. `false` makes Envoy refuse the configuration: it does not start with a bad bundle, and keeps
    /// the last good one on an update.
    fn on_configure(&mut self, _size: usize) -> bool {
        match load(self.id) {
            Ok((shared, keys)) => {
                self.shared = Some(Rc::new(shared));
                self.keys = Some(keys);
                true
            }
            Err(problems) => {
                self.shared = None;
                self.keys = None;
                for problem in problems {
                    host::error(&problem);
                }
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let (Some(shared), Some(keys)) = (&self.shared, &mut self.keys) {
            keys.on_tick(&mut shared.cache.borrow_mut());
            if let Some(delivery) = &shared.delivery {
                delivery.borrow_mut().on_tick();
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.shared.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn load(root: u32) -> Result<(Shared, Keys), Vec<String>> {
    #[cfg(feature = "trap")]
    crate::trap::announce();
    let one = |problem: String| vec![problem];
    let bytes = host::plugin_configuration().map_err(|error| one(error.to_string()))?;
    let document = BundleDocument::from_json(&bytes).map_err(one)?;
    let loaded = Authorizer::load(&document)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<String>>())?;
    for warning in &loaded.warnings {
        host::warn(&warning.to_string());
    }
    let observed =
        loaded.authorizer.services().iter().filter(|service| service.mode == Mode::Observe).count();
    let metrics = Metrics::define(observed).map_err(|error| one(error.to_string()))?;
    let ids = Ids::draw().map_err(|error| one(format!("no randomness: {error}")))?;
    host::info(&format!("actgate: bundle {} is in force", loaded.authorizer.bundle_id()));
    let authorizer = match std::env::var(SECRETS_KEY) {
        Ok(key) => {
            let key = SecretKey::parse(&key).map_err(|error| one(format!("{SECRETS_KEY}: {error}")))?;
            let sessions = key.session_key();
            loaded.authorizer.with_secrets_key(key).with_session_key(sessions)
        }
        Err(std::env::VarError::NotPresent) => {
            loaded.authorizer.with_session_key(sessions::process_key().map_err(one)?)
        }
        Err(error) => return Err(one(format!("{SECRETS_KEY}: {error}"))),
    };
    let authorizer = authorizer.with_cryptography(cryptography::of_host());
    let mut cache = TokenCache::default();
    if authorizer.checks_proofs() {
        proofs::begin().map_err(|error| one(error.to_string()))?;
        *cache.proofs_mut() = ProofMemory::of_host(proofs::remember);
    }
    let keys = Keys::watch(authorizer.key_sources(), &mut cache).map_err(|error| one(error.to_string()))?;
    let begin = |service| Delivery::begin(service, !authorizer.key_sources().is_empty()).map(RefCell::new);
    let delivery = authorizer.ledger().map(begin).transpose().map_err(|error| one(error.to_string()))?;
    let memory = Rc::new(Memory);
    let room = Room::new(authorizer.max_held());
    let cache = RefCell::new(cache);
    Ok((Shared { authorizer, cache, metrics, ids, delivery, memory, room, root }, keys))
}
