//! The closed table of reasons: what clients, policies' authors and the ledger may rely on.

use actgate_call::CallError;
use actgate_token::TokenError;

/// Why a request was refused. Codes are stable; `docs/reasons.md` is this table in prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    // --- who is asking ---
    /// No credential at all.
    TokenMissing,
    /// More than one credential, or not the scheme `Bearer`.
    CredentialAmbiguous,
    /// See the code of the same name in `actgate-token`.
    Token(TokenReason),
    // --- what is asked ---
    /// See the code of the same name in `actgate-call`.
    Call(CallReason),
    // --- may they ---
    /// The token's `scope` or `authorization_details` do not cover the call.
    ScopeInsufficient,
    /// No policy permits it, or one forbids it.
    PolicyDenied,
    /// A policy could not be evaluated.
    PolicyError,
    /// It is not what somebody has reviewed.
    DefinitionChanged,
    /// It needs people's approval first.
    ApprovalRequired,
    /// Somebody who was asked said no.
    ApprovalDenied,
    /// Another attempt at the same approved call is under way.
    ApprovalInFlight,
    /// The caller has too many calls waiting for people.
    ApprovalLimit,
    // --- the gate itself ---
    /// The approval service did not answer as it should.
    ApprovalUnavailable,
    /// The attempt has to be stored before it goes on, and was not.
    LedgerUnavailable,
    /// The session is not this caller's, or is not known any more.
    SessionUnknown,
    /// What the upstream answered cannot be shown to the caller.
    AnswerRefused,
    /// The gate has no usable bundle, or the proxy did not let it work.
    GateUnavailable,
    /// More waits for decisions than the gate holds at once.
    GateOverloaded,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The code in replies and in the ledger.
    pub code: &'static str,
    /// The HTTP status of a refusal for this reason.
    pub status: u16,
    /// The `title` of the problem document.
    pub title: &'static str,
    /// The `error` of a challenge (RFC 6750 section 3.1, RFC 9449 section 7.1), where one is sent.
    pub challenge: Option<&'static str>,
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => ($code:literal, $status:literal, $title:literal, $challenge:expr),)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every reason of this group, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its row.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$variant => Row { code: $code, status: $status, title: $title, challenge: $challenge },)+
                }
            }

            fn of(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

const INVALID: Option<&str> = Some("invalid_token");

/// RFC 9449 section 12.2.
const INVALID_PROOF: Option<&str> = Some("invalid_dpop_proof");

reasons! {
    /// What is wrong with a token or with the delegation it carries.
    TokenReason {
        /// Not a compact JWS in canonical form, or its JSON is not strict.
        Malformed => ("token_malformed", 401, "The token is malformed", INVALID),
        /// Over 8 KiB.
        TooLarge => ("token_too_large", 401, "The token is too large", INVALID),
        /// A `typ` that this issuer's tokens do not have.
        TypeRefused => ("token_type_refused", 401, "The token is of another type", INVALID),
        /// An `alg` that the issuer, or the key, does not have.
        AlgorithmRefused => ("token_algorithm_refused", 401, "The token's algorithm is not accepted", INVALID),
        /// Nobody configured trusts its issuer.
        IssuerUnknown => ("token_issuer_unknown", 401, "The token's issuer is not trusted", INVALID),
        /// No key of the issuer has its `kid`.
        KeyUnknown => ("token_key_unknown", 401, "The token's key is unknown", INVALID),
        /// The issuer's keys are fetched, and not there at the moment.
        KeysUnavailable => ("token_keys_unavailable", 503, "The issuer's keys are not available", None),
        /// The signature does not verify.
        SignatureInvalid => ("token_signature_invalid", 401, "The token's signature is invalid", INVALID),
        /// Past `exp`.
        Expired => ("token_expired", 401, "The token has expired", INVALID),
        /// Before `nbf`, or issued in the future.
        NotYetValid => ("token_not_yet_valid", 401, "The token is not valid yet", INVALID),
        /// Valid for longer than the issuer's tokens may be.
        LifetimeExceeded => ("token_lifetime_exceeded", 401, "The token lives too long", INVALID),
        /// Meant for somebody else.
        AudienceMismatch => ("token_audience_mismatch", 401, "The token is for another audience", INVALID),
        /// Without a claim that its profile requires.
        ClaimMissing => ("token_claim_missing", 401, "The token lacks a claim", INVALID),
        /// With a claim of a wrong form.
        ClaimInvalid => ("token_claim_invalid", 401, "A claim of the token is invalid", INVALID),
        /// Bound to another certificate than the client's, or to another key than the proof's.
        BindingMismatch => ("token_binding_mismatch", 401, "The token is bound to another holder", INVALID),
        /// Bound to a key, and nothing can check the binding.
        BindingUnchecked => ("token_binding_unchecked", 401, "The token's binding cannot be checked", INVALID),
        /// A token that is not bound to a key, with a proof.
        Unbound => ("token_unbound", 401, "The token is not bound to a key", INVALID),
        /// A token that is bound to a key, without a proof.
        ProofMissing => ("dpop_proof_missing", 401, "A proof of possession is missing", INVALID),
        /// A proof that is malformed, or not of this request.
        ProofInvalid => ("dpop_proof_invalid", 401, "The proof of possession is invalid", INVALID_PROOF),
        /// A proof that was used before.
        ProofReplayed => ("dpop_proof_replayed", 401, "The proof of possession was used before", INVALID_PROOF),
        /// A proof that cannot be remembered at the moment.
        ProofUnrecorded => ("dpop_proof_unrecorded", 503, "The proof of possession cannot be remembered", None),
        /// A delegated issuer's token without `act`.
        DelegationMissing => ("delegation_missing", 401, "The token names no actor", INVALID),
        /// More than four actors.
        DelegationTooDeep => ("delegation_too_deep", 401, "The delegation chain is too long", INVALID),
        /// An actor whose issuer this issuer may not speak for.
        DelegationActorUntrusted => ("delegation_actor_untrusted", 401, "The actor's issuer is not trusted", INVALID),
        /// An `act` claim of a wrong form.
        DelegationMalformed => ("delegation_malformed", 401, "The delegation is malformed", INVALID),
    }
}

reasons! {
    /// What is wrong with a request before any policy is asked.
    CallReason {
        /// Pseudo-headers missing, doubled or of a wrong form.
        Malformed => ("request_malformed", 400, "The request is malformed", None),
        /// A path that is not in its one canonical form (RFC 3986 section 6.2.2).
        PathNotCanonical => ("path_not_canonical", 400, "The path is not in canonical form", None),
        /// A header that carries meaning, twice.
        HeaderDuplicate => ("header_duplicate", 400, "A header is sent twice", None),
        /// A header or cookie that clients may not send here.
        HeaderRefused => ("header_refused", 400, "A header is not accepted", None),
        /// A query parameter that the route does not declare, or declares once and gets twice.
        QueryUndeclared => ("query_undeclared", 400, "A query parameter is not accepted", None),
        /// A query string of a wrong form.
        QueryMalformed => ("query_malformed", 400, "The query is malformed", None),
        /// No route of the catalog matches.
        RouteUnknown => ("route_unknown", 403, "The route is not in the catalog", None),
        /// A body where the route has none.
        BodyNotAllowed => ("body_not_allowed", 400, "No body is accepted here", None),
        /// More bytes than are read for a decision.
        BodyTooLarge => ("body_too_large", 413, "The body is too large", None),
        /// A content coding of a body that has to be read.
        BodyEncodingRefused => ("body_encoding_refused", 400, "The body's encoding is not accepted", None),
        /// A content type of a body that has to be read.
        BodyTypeRefused => ("body_type_refused", 400, "The body's type is not accepted", None),
        /// Not strict JSON.
        JsonInvalid => ("json_invalid", 400, "The body is not valid JSON", None),
        /// An argument that the route declares is missing or of another type.
        ArgumentInvalid => ("argument_invalid", 400, "An argument is invalid", None),
        /// A push whose packets could be cut in another way.
        GitFramingInvalid => ("git_framing_invalid", 400, "The push is malformed", None),
        /// A command of a push that could be understood in another way, or not at all.
        GitCommandInvalid => ("git_command_invalid", 400, "A command of the push is not accepted", None),
        /// A ref name that git does not allow, or that could be taken for another.
        GitRefInvalid => ("git_ref_invalid", 400, "A ref name is not accepted", None),
        /// A capability of a push that may change what its commands mean.
        GitCapabilityRefused => ("git_capability_refused", 400, "A capability is not accepted", None),
        /// A push option that hooks could read differently.
        GitPushOptionInvalid => ("git_push_option_invalid", 400, "A push option is not accepted", None),
        /// A body that is no message of MCP, or one that servers could understand in another way.
        McpMessageInvalid => ("mcp_message_invalid", 400, "The message is not accepted", None),
        /// A message that does not say in `_meta` what its version demands.
        McpMetaInvalid => ("mcp_meta_invalid", 400, "The message lacks what it must say of itself", None),
        /// A header that says something else than the message, or is missing beside it.
        McpHeaderMismatch => ("mcp_header_mismatch", 400, "A header and the message do not agree", None),
        /// A version of MCP that is not read here.
        McpVersionUnsupported => ("mcp_version_unsupported", 400, "The MCP version is not supported", None),
        /// A method that the version does not have, or that nobody knows.
        McpMethodUnknown => ("mcp_method_unknown", 403, "The method is not known", None),
        /// More of something than is decided on at once.
        LimitExceeded => ("limit_exceeded", 413, "A limit is exceeded", None),
        /// CONNECT or a protocol upgrade.
        UpgradeRefused => ("upgrade_refused", 400, "Upgrades are not accepted", None),
    }
}

// === impl Reason ===

impl Reason {
    /// The reasons that belong to neither a token nor a call.
    const OWN: [Self; 16] = [
        Self::TokenMissing,
        Self::CredentialAmbiguous,
        Self::ScopeInsufficient,
        Self::PolicyDenied,
        Self::PolicyError,
        Self::DefinitionChanged,
        Self::ApprovalRequired,
        Self::ApprovalDenied,
        Self::ApprovalInFlight,
        Self::ApprovalLimit,
        Self::ApprovalUnavailable,
        Self::LedgerUnavailable,
        Self::SessionUnknown,
        Self::AnswerRefused,
        Self::GateUnavailable,
        Self::GateOverloaded,
    ];

    /// The whole table.
    pub fn all() -> impl Iterator<Item = Self> {
        let tokens = TokenReason::ALL.iter().map(|reason| Self::Token(*reason));
        let calls = CallReason::ALL.iter().map(|reason| Self::Call(*reason));
        Self::OWN.into_iter().chain(tokens).chain(calls)
    }

    /// Its row.
    pub const fn row(self) -> Row {
        match self {
            Self::TokenMissing => {
                // RFC 6750 section 3.1: a request without credentials gets a challenge without an error code.
                Row { code: "token_missing", status: 401, title: "No token was sent", challenge: None }
            }
            Self::CredentialAmbiguous => Row {
                code: "credential_ambiguous",
                status: 400,
                title: "Exactly one bearer token is expected",
                challenge: Some("invalid_request"),
            },
            Self::Token(reason) => reason.row(),
            Self::Call(reason) => reason.row(),
            Self::ScopeInsufficient => Row {
                code: "scope_insufficient",
                status: 403,
                title: "The token does not cover the call",
                challenge: Some("insufficient_scope"),
            },
            Self::PolicyDenied => {
                Row { code: "policy_denied", status: 403, title: "Denied by policy", challenge: None }
            }
            Self::PolicyError => Row {
                code: "policy_error",
                status: 403,
                title: "The policies could not be evaluated",
                challenge: None,
            },
            Self::DefinitionChanged => Row {
                code: "definition_changed",
                status: 403,
                title: "The definition is not the reviewed one",
                challenge: None,
            },
            Self::ApprovalRequired => {
                Row { code: "approval_required", status: 403, title: "Approval required", challenge: None }
            }
            Self::ApprovalDenied => {
                Row { code: "approval_denied", status: 403, title: "Approval was refused", challenge: None }
            }
            Self::ApprovalInFlight => Row {
                code: "approval_in_flight",
                status: 409,
                title: "The approval is being used",
                challenge: None,
            },
            Self::ApprovalLimit => Row {
                code: "approval_limit",
                status: 429,
                title: "Too many calls wait for approval",
                challenge: None,
            },
            Self::ApprovalUnavailable => Row {
                code: "approval_unavailable",
                status: 503,
                title: "The approval service is not available",
                challenge: None,
            },
            Self::LedgerUnavailable => Row {
                code: "ledger_unavailable",
                status: 503,
                title: "The attempt could not be recorded",
                challenge: None,
            },
            Self::SessionUnknown => Row {
                code: "session_unknown",
                status: 404,
                title: "The session is not known",
                challenge: None,
            },
            Self::AnswerRefused => Row {
                code: "answer_refused",
                status: 502,
                title: "The answer cannot be passed on",
                challenge: None,
            },
            Self::GateUnavailable => Row {
                code: "gate_unavailable",
                status: 503,
                title: "The gate is not available",
                challenge: None,
            },
            Self::GateOverloaded => Row {
                code: "gate_overloaded",
                status: 503,
                title: "The gate holds too much already",
                challenge: None,
            },
        }
    }

    /// The stable code.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// Whether `mode: observe` lets a request through that was refused for this reason.
    pub(crate) const fn is_softened_by_observing(self) -> bool {
        matches!(
            self,
            Self::PolicyDenied
                | Self::DefinitionChanged
                | Self::ApprovalRequired
                | Self::Call(CallReason::RouteUnknown | CallReason::QueryUndeclared)
        )
    }
}

impl From<&TokenError> for Reason {
    fn from(error: &TokenError) -> Self {
        // INVARIANT: every code of actgate-token has a row (a test walks them); malformed is the closed fallback.
        Self::Token(TokenReason::of(error.code()).unwrap_or(TokenReason::Malformed))
    }
}

impl From<&CallError> for Reason {
    fn from(error: &CallError) -> Self {
        // INVARIANT: every code of actgate-call has a row (a test walks them); malformed is the closed fallback.
        Self::Call(CallReason::of(error.code()).unwrap_or(CallReason::Malformed))
    }
}

#[cfg(test)]
mod tests;
