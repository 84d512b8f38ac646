//! Who is asking: JWS, JWKS, claims, verification, delegation.
