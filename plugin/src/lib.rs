//! The Envoy shell: proxy-wasm callbacks around the gate.
