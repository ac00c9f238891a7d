//! Access tokens that look like those of an upstream: a JWT with the claims that clients read. Its signature is noise: nobody
//! checks it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a token says.
pub struct Claims {
    /// Which token it is.
    pub id: String,
    /// Whose.
    pub email: String,
    /// Since when, in seconds since 1970.
    pub issued: u64,
    /// Until when, the same.
    pub expires: u64,
}

/// The token.
pub fn mint(claims: &Claims) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(&json!({"alg": "RS256", "typ": "JWT"}));
    let body = part(&json!({
        "jti": claims.id, "iat": claims.issued, "exp": claims.expires,
        "https://api.openai.com/profile": {"email": claims.email, "email_verified": true},
    }));
    let noise = Sha256::digest(format!("{head}.{body}"));
    format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(noise))
}
