//! Signed links to kept files: whoever holds one may read that file until it expires, without a key (api.md §1).

use atelier_domain::{
    ids::{MediaId, PostId},
    media,
    time::{Clock, Millis},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{sync::Arc, time::Duration};

/// What a URL that a client sends is to us.
#[derive(Debug, PartialEq, Eq)]
pub enum Linked {
    /// A link to this file that holds.
    Ours(MediaId),
    /// It leads here, and not to a file: altered, or past its time.
    Broken,
    /// It leads elsewhere.
    Foreign,
}

/// Makes and checks links.
#[derive(Clone)]
pub struct Links {
    /// Keyed and empty: each link starts from a copy.
    mac: Hmac<Sha256>,
    lifetime: Duration,
    /// Where clients reach us; none means: where this client did.
    public_url: Option<Arc<str>>,
    clock: Arc<dyn Clock>,
}

impl Links {
    /// Links signed with this secret that last for `lifetime`. `public_url` is how clients reach the gateway, without a slash
    /// at its end.
    pub fn new(
        secret: &[u8; 32],
        lifetime: Duration,
        public_url: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        // HMAC pads a short key with zeros to one block; a whole block cannot be refused.
        let mut block = [0; 64];
        block[..32].copy_from_slice(secret);
        let mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        Self { mac, lifetime, public_url: public_url.map(Into::into), clock }
    }

    /// Where links begin, without a final `/`: the public address, or where this request came in.
    pub fn base<'a>(&'a self, origin: &'a str) -> &'a str {
        self.public_url.as_deref().unwrap_or(origin)
    }

    /// A link to a file, for a client that reached us at `origin`.
    pub fn sign(&self, origin: &str, id: MediaId, mime: &str) -> String {
        let expires = (self.clock.now() + self.lifetime).seconds();
        let signature = URL_SAFE_NO_PAD.encode(self.mac(id, expires).finalize().into_bytes());
        let base = self.base(origin);
        format!("{base}/media/{id}.{}?exp={expires}&sig={signature}", media::extension(mime))
    }

    /// The link of a post, which lasts as long as the post, for a client that reached us at `origin`.
    pub fn share(&self, origin: &str, post: PostId) -> String {
        format!("{}/p/{post}", self.public_url.as_deref().unwrap_or(origin))
    }

    /// What a URL is to us, for a client that reached us at `origin`.
    pub fn find(&self, origin: &str, url: &str) -> Linked {
        let bases = [self.base(origin), origin];
        let ours = |base: &&str| url.strip_prefix(*base).and_then(|rest| rest.strip_prefix("/media/"));
        let Some(rest) = bases.iter().find_map(ours) else { return Linked::Foreign };
        let (file, query) = rest.split_once('?').unwrap_or((rest, ""));
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let id = file.split('.').next().and_then(|stem| stem.parse().ok());
        let expires = value("exp").and_then(|text| text.parse().ok());
        match (id, expires, value("sig")) {
            (Some(id), Some(expires), Some(signature)) if self.holds(id, expires, signature) => {
                Linked::Ours(id)
            }
            _ => Linked::Broken,
        }
    }

    /// Whether a link is ours, unaltered and not expired.
    pub fn holds(&self, id: MediaId, expires: i64, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        // `verify_slice` compares in constant time.
        self.mac(id, expires).verify_slice(&signature).is_ok()
            && self.clock.now() < Millis(expires.saturating_mul(1000))
    }

    fn mac(&self, id: MediaId, expires: i64) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(b"media\0");
        mac.update(id.uuid().as_bytes());
        mac.update(&expires.to_be_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::{future::Future, pin::Pin};
    use uuid::Uuid;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Millis {
            Millis(self.0)
        }

        fn sleep_until(&self, _: Millis) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(std::future::ready(()))
        }
    }

    fn links(secret: u8, now: i64) -> Links {
        Links::new(
            &[secret; 32],
            Duration::from_secs(3600),
            Some("https://a.example".into()),
            Arc::new(At(now)),
        )
    }

    #[test]
    fn a_link_holds_until_its_time_for_its_file_and_under_its_secret_only() {
        let id = MediaId::from_uuid(Uuid::from_u128(1));
        let link = links(1, 0).sign("http://ignored", id, "image/png");
        assert!(link.starts_with(&format!("https://a.example/media/{id}.png?exp=3600&sig=")));
        let sig = link.rsplit('=').next().unwrap();
        assert_eq!(links(1, 0).find("http://here", &link), Linked::Ours(id));
        assert_eq!(links(1, 3_600_000).find("http://here", &link), Linked::Broken);
        assert_eq!(links(1, 0).find("http://here", &link.replace("exp=3", "exp=4")), Linked::Broken);
        assert_eq!(links(1, 0).find("http://here", "http://here/media/x"), Linked::Broken);
        assert_eq!(links(1, 0).find("http://here", "https://a.example.evil/media/x"), Linked::Foreign);
        assert!(links(1, 3_599_999).holds(id, 3600, sig));
        assert!(!links(1, 3_600_000).holds(id, 3600, sig), "expired");
        assert!(!links(1, 0).holds(id, 3601, sig), "prolonged");
        assert!(!links(1, 0).holds(MediaId::from_uuid(Uuid::from_u128(2)), 3600, sig), "another file");
        assert!(!links(2, 0).holds(id, 3600, sig), "another secret");
        assert!(!links(1, 0).holds(id, 3600, "") && !links(1, 0).holds(id, i64::MAX, sig));
    }
}
