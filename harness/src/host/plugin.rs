//! What a proxy's configuration says about a plugin.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Fills bytes with randomness, or with what a test takes for it. Clones go on in the same sequence.
#[derive(Clone)]
pub struct Entropy(Arc<Mutex<Fill>>);

type Fill = dyn FnMut(&mut [u8]) + Send;

/// A plugin, as `PluginConfig` and `VmConfig` of Envoy describe it, and the bounds of the proxy around it.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// `name`
    pub name: String,
    /// `root_id`
    pub root_id: String,
    /// `vm_config.vm_id`
    pub vm_id: String,
    /// `configuration`
    pub configuration: Vec<u8>,
    /// `vm_config.configuration`
    pub vm_configuration: Vec<u8>,
    /// `vm_config.environment_variables`
    pub environment: Vec<(String, String)>,
    /// `allow_on_headers_stop_iteration`
    pub stops_on_headers: bool,
    /// `reload_config.backoff.base_interval`, in nanoseconds. Envoy adds up to half of it by chance; here it is exact.
    pub reload_backoff: u64,
    /// The clusters that callouts can go to, and whether they have hosts.
    pub clusters: BTreeMap<String, bool>,
    /// `per_connection_buffer_limit_bytes`: how much of a body a paused filter may hold.
    pub buffer_limit: usize,
    /// How large the linear memory may become. Envoy's own bound is 1 GiB.
    pub memory_limit: usize,
    /// The least severe messages that are logged.
    pub log_level: super::LogLevel,
}

// === impl Plugin ===

impl Plugin {
    /// A plugin with this configuration, run as Actgate's configurations run theirs.
    pub fn new(name: &str, configuration: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            root_id: String::new(),
            vm_id: name.to_owned(),
            configuration: configuration.into(),
            vm_configuration: Vec::new(),
            environment: Vec::new(),
            stops_on_headers: true,
            reload_backoff: 100_000_000,
            clusters: BTreeMap::new(),
            buffer_limit: 1024 * 1024,
            memory_limit: 1024 * 1024 * 1024,
            log_level: super::LogLevel::Info,
        }
    }
}

// === impl Entropy ===

impl Entropy {
    /// Randomness that `fill` makes.
    pub fn new(fill: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(fill)))
    }

    /// The same bytes for the same seed: SplitMix64. For tests and replays, not for secrets.
    pub fn seeded(seed: u64) -> Self {
        let mut state = seed;
        Self::new(move |bytes| {
            for chunk in bytes.chunks_mut(8) {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^= mixed >> 31;
                for (byte, random) in chunk.iter_mut().zip(mixed.to_le_bytes()) {
                    *byte = random;
                }
            }
        })
    }

    pub(super) fn fill(&self, bytes: &mut [u8]) {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(bytes);
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}
