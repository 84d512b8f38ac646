//! OpenID Connect: people sign in at their organisation's provider, by the code flow with PKCE.
//!
//! Nothing is kept of an attempt but a secret in the browser that made it: state, nonce and PKCE verifier are hashes of
//! that secret for a purpose each. So a replica needs no memory of attempts, nobody can fill one, and a code that somebody
//! else obtained is worth nothing in this browser.

mod attempt;
mod mapping;

use std::{
    fmt, fs, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use openidconnect::{
    AccessToken, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout,
    RedirectUrl, Scope, SubjectIdentifier, TokenResponse as _, UserInfoClaims,
    core::{CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreJwsSigningAlgorithm},
};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

pub use self::attempt::Attempt;
use crate::{
    clock::Clock,
    config::{Config, Oidc},
    person::Person,
};

/// Somebody waits in a browser.
const WHOLE_CALL: Duration = Duration::from_secs(10);

/// Metadata, keys and tokens: each a few KiB.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// Talks with the provider at once: each holds a thread, and a provider that hangs must not take them all.
const TALKS: usize = 8;

/// What the provider publishes is asked anew after an hour, and a key that is not in it at most once a minute.
const FRESH_SECONDS: i64 = 3600;
const REFETCH_SECONDS: i64 = 60;

/// Signatures that a public key checks: a secret that both sides know signs nothing here.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 8] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider cannot be reached, or speaks another protocol.
    #[error("the identity provider: {0}")]
    Provider(String),
    /// The provider's answer does not prove who they are.
    #[error("the sign-in does not hold: {0}")]
    Proof(String),
    /// They are somebody, but have no id among subjects and actors.
    #[error("{0}")]
    Unmapped(&'static str),
}

/// This service as a client of the provider.
#[derive(Clone)]
pub struct OidcClient {
    shared: Arc<Shared>,
}

struct Shared {
    config: Oidc,
    secret: Option<ClientSecret>,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    group_names: Vec<(String, Vec<String>)>,
    clock: Clock,
    agent: ureq::Agent,
    talks: Semaphore,
    known: Mutex<Option<Known>>,
}

/// What the provider publishes, and when it was read.
#[derive(Clone)]
struct Known {
    metadata: Arc<ProviderMetadataWithLogout>,
    read: i64,
}

/// Members that OpenID Connect does not name, such as groups.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct MoreClaims(Map<String, Value>);

impl openidconnect::AdditionalClaims for MoreClaims {}

// === impl OidcClient ===

impl OidcClient {
    /// The client that the configuration describes. The provider is asked when somebody signs in, so that it may be away
    /// while gateways are answered.
    ///
    /// # Errors
    /// The secret's file, or a URL that is none.
    pub fn new(config: &Config, oidc: &Oidc, clock: Clock) -> io::Result<Self> {
        let invalid = |what: String| {
            move |_: openidconnect::url::ParseError| io::Error::new(io::ErrorKind::InvalidInput, what)
        };
        let secret = match &oidc.client_secret_file {
            None => None,
            Some(file) => {
                let text = fs::read_to_string(file)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
                Some(ClientSecret::new(text.trim().to_owned())).filter(|secret| !secret.secret().is_empty())
            }
        };
        if oidc.client_secret_file.is_some() && secret.is_none() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file of the client's secret is empty",
            ));
        }
        let redirect = format!("{}/login/callback", config.public_url);
        let group_names = config.groups.iter().map(|group| {
            let names = oidc.groups.get(&group.name).cloned().unwrap_or_else(|| vec![group.name.clone()]);
            (group.name.clone(), names)
        });
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(WHOLE_CALL))
            .http_status_as_error(false)
            // Codes and secrets go where the metadata says, and nowhere else.
            .max_redirects(0)
            .tls_config(tls)
            .build()
            .into();
        Ok(Self {
            shared: Arc::new(Shared {
                secret,
                issuer: IssuerUrl::new(oidc.issuer.clone()).map_err(invalid("`oidc.issuer`".to_owned()))?,
                redirect: RedirectUrl::new(redirect).map_err(invalid("`public_url`".to_owned()))?,
                group_names: group_names.collect(),
                config: oidc.clone(),
                clock,
                agent,
                talks: Semaphore::new(TALKS),
                known: Mutex::new(None),
            }),
        })
    }

    /// How the sign-in page calls the provider.
    pub fn name(&self) -> &str {
        &self.shared.config.name
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.shared.config.issuer
    }

    /// Where a browser goes to sign in.
    ///
    /// # Errors
    /// [`SignInError::Provider`].
    pub async fn authorization_url(&self, attempt: &Attempt) -> Result<String, SignInError> {
        let attempt = attempt.clone();
        self.talk(move |shared| shared.authorization_url(&attempt)).await
    }

    /// Where a browser goes to sign out at the provider too, where it has such a place and was asked before.
    pub fn end_session_url(&self) -> Option<String> {
        let known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        known.metadata.additional_metadata().end_session_endpoint.as_ref().map(|url| {
            let mut url = url.url().clone();
            url.query_pairs_mut().append_pair("client_id", &self.shared.config.client_id);
            url.to_string()
        })
    }

    /// Who signed in, by the code that the browser brought back.
    ///
    /// # Errors
    /// Any [`SignInError`].
    pub async fn person(&self, attempt: &Attempt, code: String) -> Result<Person, SignInError> {
        let attempt = attempt.clone();
        self.talk(move |shared| shared.person(&attempt, code)).await
    }

    /// Runs what waits for the provider where it holds nobody else up.
    async fn talk<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Shared) -> Result<T, SignInError> + Send + 'static,
    ) -> Result<T, SignInError> {
        let failed = |what: &str| SignInError::Provider(what.to_owned());
        let permit = tokio::time::timeout(WHOLE_CALL, self.shared.talks.acquire()).await;
        let _permit = permit
            .map_err(|_| failed("too many people sign in at once"))?
            .map_err(|_| failed("this service is ending"))?;
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || run(&shared)).await.map_err(|_| failed("the talk broke off"))?
    }
}

impl fmt::Debug for OidcClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcClient").field("issuer", &self.shared.config.issuer).finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn authorization_url(&self, attempt: &Attempt) -> Result<String, SignInError> {
        let metadata = self.metadata(FRESH_SECONDS)?;
        let client = CoreClient::from_provider_metadata((*metadata).clone(), self.client_id(), None)
            .set_redirect_uri(self.redirect.clone());
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let verifier = PkceCodeVerifier::new(attempt.verifier());
        let (url, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(self.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(url.to_string())
    }

    fn person(&self, attempt: &Attempt, code: String) -> Result<Person, SignInError> {
        let http = |request: HttpRequest| self.call(request);
        let metadata = self.metadata(FRESH_SECONDS)?;
        let client =
            CoreClient::from_provider_metadata((*metadata).clone(), self.client_id(), self.secret.clone())
                .set_redirect_uri(self.redirect.clone());
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| SignInError::Provider(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier()))
            .request(&http)
            .map_err(|error| match error {
                openidconnect::RequestTokenError::ServerResponse(_) => {
                    SignInError::Proof("the provider does not take the code".to_owned())
                }
                openidconnect::RequestTokenError::Request(error) => SignInError::Provider(error.to_string()),
                openidconnect::RequestTokenError::Parse(..) | openidconnect::RequestTokenError::Other(_) => {
                    SignInError::Provider("its answer is no token response".to_owned())
                }
            })?;
        let token = tokens.id_token().ok_or_else(|| SignInError::Proof("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(attempt.nonce());
        let verify = |metadata: &ProviderMetadataWithLogout| {
            let client =
                CoreClient::from_provider_metadata(metadata.clone(), self.client_id(), self.secret.clone());
            let clock = self.clock.clone();
            let time = move || {
                chrono::DateTime::from_timestamp(clock.now(), 0).unwrap_or(chrono::DateTime::UNIX_EPOCH)
            };
            let verifier = client
                .id_token_verifier()
                .set_allowed_algs(ALGORITHMS)
                // An audience besides this client is somebody else's business.
                .set_other_audience_verifier_fn(|_| false)
                .set_time_fn(time);
            token.claims(&verifier, &nonce).map(|claims| claims.subject().clone())
        };
        let subject = match verify(&metadata) {
            // Perhaps the provider has changed its keys.
            Err(openidconnect::ClaimsVerificationError::SignatureVerification(
                openidconnect::SignatureVerificationError::NoMatchingKey,
            )) => verify(&*self.metadata(REFETCH_SECONDS)?),
            other => other,
        }
        .map_err(|error| SignInError::Proof(error.to_string()))?;
        let mut claims = payload(&token.to_string())?;
        if self.config.userinfo {
            let more = self.user_info(&metadata, tokens.access_token().clone(), subject)?;
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        mapping::person(&self.config, &self.group_names, &Value::Object(claims))
            .map_err(SignInError::Unmapped)
    }

    /// What the user info endpoint says of the same subject.
    fn user_info(
        &self,
        metadata: &ProviderMetadataWithLogout,
        token: AccessToken,
        subject: SubjectIdentifier,
    ) -> Result<Map<String, Value>, SignInError> {
        let failed = |error: String| SignInError::Provider(format!("user info: {error}"));
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), self.client_id(), self.secret.clone());
        let claims: UserInfoClaims<MoreClaims, CoreGenderClaim> = client
            .user_info(token, Some(subject))
            .map_err(|error| failed(error.to_string()))?
            .request(&|request: HttpRequest| self.call(request))
            .map_err(|error| failed(error.to_string()))?;
        match serde_json::to_value(claims) {
            Ok(Value::Object(claims)) => Ok(claims),
            Ok(_) | Err(_) => Err(failed("it is no object".to_owned())),
        }
    }

    /// What the provider publishes, at most so old.
    fn metadata(&self, age: i64) -> Result<Arc<ProviderMetadataWithLogout>, SignInError> {
        let now = self.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|known| (0..age).contains(&now.saturating_sub(known.read))) {
            return Ok(known.metadata);
        }
        let http = |request: HttpRequest| self.call(request);
        let metadata = ProviderMetadataWithLogout::discover(&self.issuer, &http)
            .map_err(|error| SignInError::Provider(error.to_string()))?;
        let metadata = Arc::new(metadata);
        let known = Known { metadata: Arc::clone(&metadata), read: now };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(metadata)
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.config.client_id.clone())
    }

    fn call(&self, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
        let mut response = self.agent.run(request)?;
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        let (parts, _) = response.into_parts();
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// The claims of a token that has been verified.
fn payload(token: &str) -> Result<Map<String, Value>, SignInError> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    read().ok_or_else(|| SignInError::Proof("the ID token is no JSON object".to_owned()))
}
