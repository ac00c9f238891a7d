//! Signed links to kept files: whoever holds one may read that file until it expires, without a key (api.md §1).

use atelier_domain::{
    ids::MediaId,
    media,
    time::{Clock, Millis},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{sync::Arc, time::Duration};

/// Makes and checks links.
#[derive(Clone)]
pub struct Links {
    secret: Arc<[u8]>,
    lifetime: Duration,
    /// Where clients reach us; none means: where this client did.
    public_url: Option<Arc<str>>,
    clock: Arc<dyn Clock>,
}

impl Links {
    /// Links signed with this secret that last for `lifetime`. `public_url` is how clients reach the gateway, without a slash
    /// at its end.
    pub fn new(secret: &[u8], lifetime: Duration, public_url: Option<String>, clock: Arc<dyn Clock>) -> Self {
        Self { secret: secret.into(), lifetime, public_url: public_url.map(Into::into), clock }
    }

    /// A link to a file, for a client that reached us at `origin`.
    pub fn sign(&self, origin: &str, id: MediaId, mime: &str) -> String {
        let expires = (self.clock.now() + self.lifetime).seconds();
        let signature = URL_SAFE_NO_PAD.encode(self.mac(id, expires).finalize().into_bytes());
        let base = self.public_url.as_deref().unwrap_or(origin);
        format!("{base}/media/{id}.{}?exp={expires}&sig={signature}", media::extension(mime))
    }

    /// Whether a link is ours, unaltered and not expired.
    pub fn holds(&self, id: MediaId, expires: i64, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        // `verify_slice` compares in constant time.
        self.mac(id, expires).verify_slice(&signature).is_ok()
            && self.clock.now() < Millis(expires.saturating_mul(1000))
    }

    fn mac(&self, id: MediaId, expires: i64) -> Hmac<Sha256> {
        // A key of any length is fine for HMAC; `new` would only take one of exactly a block.
        let mut mac = match Hmac::<Sha256>::new_from_slice(&self.secret) {
            Ok(mac) => mac,
            Err(_) => Hmac::<Sha256>::new(&Default::default()),
        };
        mac.update(b"media\0");
        mac.update(id.uuid().as_bytes());
        mac.update(&expires.to_be_bytes());
        mac
    }
}
