//! TLS with client certificates: an authority of the test's own, identities that it vouches for, and clients that show
//! them.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SerialNumber,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

/// Longer than any exchange takes here.
const LIMIT: Duration = Duration::from_secs(10);

/// What the gateway is called in its certificate.
const GATEWAY: &str = "gateway.demo";

/// Who vouches for the gateway and its clients.
#[derive(Debug)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

/// A client that keeps its tickets of sessions, as clients do.
#[derive(Clone)]
pub struct Client(Arc<ClientConfig>);

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// How the handshake went.
    pub handshake: HandshakeKind,
    /// The response, byte for byte; empty where the connection was ended before one.
    pub bytes: Vec<u8>,
}

// === impl Authority ===

impl Authority {
    /// An authority with a fresh key.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, "authority.demo");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let (pem, certificate) = (certificate.pem(), certificate.der().clone());
        Self { certificate, pem, issuer: Issuer::new(params, key) }
    }

    /// Somebody's certificate, which differs from any other of the same name and key in its serial number alone.
    pub fn certify(&self, name: &str, serial: u64, key: KeyPair) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("parameters");
        // Other than the authority's: a certificate of its issuer's own name is taken for a self-signed one.
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { pem: certificate.pem(), certificate: certificate.der().clone(), key }
    }

    /// The same with a fresh key.
    pub fn vouch(&self, name: &str) -> Identity {
        self.certify(name, 1, KeyPair::generate().expect("a key"))
    }

    /// How a gateway listens: with a certificate of its own, and asking clients for theirs.
    pub fn listener(&self, requires: bool) -> Value {
        let own = self.vouch(GATEWAY);
        json!({
            "require_client_certificate": requires,
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [{
                    "certificate_chain": { "inline_string": own.pem },
                    "private_key": { "inline_string": own.key.serialize_pem() },
                }],
                "validation_context": { "trusted_ca": { "inline_string": self.pem } },
            },
        })
    }

    /// A client that shows this identity, or none.
    pub fn client(&self, identity: Option<&Identity>, version: &'static SupportedProtocolVersion) -> Client {
        static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
        let provider = PROVIDER.get_or_init(|| Arc::new(ring::default_provider()));
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots);
        Client(Arc::new(match identity {
            None => config.with_no_client_auth(),
            Some(Identity { certificate, key, .. }) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
                config.with_client_auth_cert(vec![certificate.clone()], key).expect("an identity")
            }
        }))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Identity ===

impl Identity {
    /// The SHA-256 of the certificate.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// What a token says in `cnf` that is this identity's alone.
    pub fn confirmation(&self) -> Value {
        json!({ "x5t#S256": URL_SAFE_NO_PAD.encode(self.digest()) })
    }

    /// What a proxy says of this identity in `x-forwarded-client-cert`.
    pub fn forwarded(&self) -> String {
        let hex: String = self.digest().iter().map(|octet| format!("{octet:02x}")).collect();
        format!("Hash={hex}")
    }
}

// === impl Client ===

impl Client {
    /// Connects, speaking one protocol of HTTP.
    ///
    /// # Errors
    /// The handshake failed.
    pub async fn connect(&self, address: SocketAddr, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let name = ServerName::try_from(GATEWAY).expect("a name");
        let connector = TlsConnector::from(Arc::clone(&self.0));
        connector.with_alpn(vec![alpn.to_vec()]).connect(name, stream).await
    }

    /// Sends a request that ends its connection, and reads to that end.
    pub async fn send(&self, address: SocketAddr, request: &[u8]) -> std::io::Result<Reply> {
        let exchange = async {
            let mut stream = self.connect(address, b"http/1.1").await?;
            let handshake = stream.get_ref().1.handshake_kind().expect("a handshake");
            stream.write_all(request).await?;
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await?;
            Ok(Reply { handshake, bytes })
        };
        timeout(LIMIT, exchange).await.expect("an end in time")
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

// === impl Reply ===

impl Reply {
    /// Status, and the reason where it is a refusal.
    pub fn summary(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let status = text.split(' ').nth(1).unwrap_or("no answer");
        let body: Value = text
            .split_once("\r\n\r\n")
            .and_then(|(_, body)| serde_json::from_str(body).ok())
            .unwrap_or_default();
        format!("{status} {}", body["reason"].as_str().unwrap_or("passed"))
    }
}
