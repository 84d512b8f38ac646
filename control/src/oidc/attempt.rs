//! One attempt to sign in.

use crate::secret::Secret;

/// What binds a provider's answer to the browser and to the request that it answers: a secret that stays in the browser.
#[derive(Debug, Clone)]
pub struct Attempt(Secret);

// === impl Attempt ===

impl Attempt {
    /// A new one.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        Secret::random().map(Self)
    }

    /// The one whose secret a browser presents.
    pub fn presented(secret: &str) -> Self {
        Self(Secret::presented(secret))
    }

    /// For the browser to keep.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// `state`: it comes back with the code, by way of the browser.
    pub fn state(&self) -> String {
        self.0.hash("oidc state").text()
    }

    /// Whether an answer with this `state` is to this attempt.
    pub fn is_answered_by(&self, state: &str) -> bool {
        let (own, presented) = (Secret::presented(&self.state()), Secret::presented(state));
        own.hash("compare").matches(&presented.hash("compare"))
    }

    /// `nonce`: it stands in the ID token.
    pub fn nonce(&self) -> String {
        self.0.hash("oidc nonce").text()
    }

    /// The PKCE verifier (RFC 7636): only this attempt can use its code.
    pub fn verifier(&self) -> String {
        self.0.hash("oidc verifier").text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_its_own_and_of_its_attempt() {
        let (one, two) = (Attempt::random().unwrap(), Attempt::random().unwrap());
        let values = [one.state(), one.nonce(), one.verifier(), two.state(), one.reveal().to_owned()];
        for (at, value) in values.iter().enumerate() {
            // RFC 7636 section 4.1: 43 to 128 characters.
            assert_eq!(value.len(), 43);
            assert!(!values[at + 1..].contains(value));
        }
        assert!(one.is_answered_by(&one.state()));
        assert!(!one.is_answered_by(&two.state()) && !one.is_answered_by(""));
        assert_eq!(Attempt::presented(one.reveal()).verifier(), one.verifier());
    }
}
