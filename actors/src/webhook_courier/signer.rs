//! What events are signed with. A key's signing secret is kept nowhere: it follows from the secret of the installation.

use atelier_domain::{key::ApiKey, webhook::WebhookSecret};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;

/// Sets the signing secrets apart from whatever else follows from the installation's.
const PURPOSE: &[u8] = b"atelier webhook signing secret";

/// Finds the signing secret of a key.
#[derive(Clone)]
pub(super) struct Signer {
    installation: Arc<[u8; 32]>,
}

impl Signer {
    pub(super) fn new(installation: &[u8; 32]) -> Self {
        Self { installation: Arc::new(*installation) }
    }

    /// The secret that is in force for this key; none before it has had one. A key that had its URL before there were secrets
    /// has that of number 0.
    pub(super) fn secret(&self, key: &ApiKey) -> Option<WebhookSecret> {
        if key.webhook_secrets == 0 && key.webhook_url.is_none() {
            return None;
        }
        let number = key.webhook_secrets.to_be_bytes();
        let secret =
            STANDARD.encode(mac(&self.installation[..], &[PURPOSE, key.id.uuid().as_bytes(), &number])?);
        Some(WebhookSecret::given(format!("{}{secret}", WebhookSecret::PREFIX)))
    }
}

/// `webhook-signature` over id, time in seconds and body; none when the secret is not written as one.
pub(super) fn signature(secret: &WebhookSecret, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.expose().strip_prefix(WebhookSecret::PREFIX)?).ok()?;
    let signed = mac(&key, &[format!("{id}.{timestamp}.{body}").as_bytes()])?;
    Some(format!("v1,{}", STANDARD.encode(signed)))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that Standard Webhooks publishes.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let secret = WebhookSecret::given("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        for odd in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%"] {
            assert_eq!(signature(&WebhookSecret::given(odd), "evt_1", 0, ""), None);
        }
    }
}
