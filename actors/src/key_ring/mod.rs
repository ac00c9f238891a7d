//! The key ring: all API keys, found by the hash of their secret without a message or a disk read. Changes are committed
//! before they are seen.

mod secret;

pub use secret::{KeySecret, sha256_hex};

use crate::{
    credit_ledger::{Balance, Ledger},
    refused::Refused,
    system::to_the_end,
};
use atelier_domain::{
    code::Code,
    credit::Credits,
    ids::KeyId,
    key::{ApiKey, Profile},
    time::{Clock, Millis},
};
use atelier_store::{Batch, Expect, ReadError, Row, Store, Table};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};
use tokio::sync::Mutex;
use uuid::Uuid;

/// What may be set on a key. `None` leaves as it is (or at its default for a new key).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySettings {
    /// The operator's name for it.
    pub name: Option<String>,
    /// Whether its jobs cost credit.
    pub metered: Option<bool>,
    /// Its dialect; `Some(None)` means the gateway's default.
    pub profile: Option<Option<Profile>>,
    /// The only models it may use; empty means all.
    pub models: Option<Vec<String>>,
    /// Creating calls a minute; `Some(None)` means no limit.
    pub rpm: Option<Option<u32>>,
    /// Open jobs at once; `Some(None)` means no limit.
    pub concurrency: Option<Option<u32>>,
    /// When it stops working; `Some(None)` means never.
    pub expires_at: Option<Option<Millis>>,
    /// Where finished jobs are told to; `Some(None)` means nowhere.
    pub webhook_url: Option<Option<String>>,
    /// Switched off.
    pub disabled: Option<bool>,
}

impl KeySettings {
    fn apply(self, key: &mut ApiKey) {
        let KeySettings {
            name,
            metered,
            profile,
            models,
            rpm,
            concurrency,
            expires_at,
            webhook_url,
            disabled,
        } = self;
        key.name = name.unwrap_or(std::mem::take(&mut key.name));
        key.metered = metered.unwrap_or(key.metered);
        key.profile = profile.unwrap_or(key.profile);
        key.models = models.unwrap_or(std::mem::take(&mut key.models));
        key.rpm = rpm.unwrap_or(key.rpm);
        key.concurrency = concurrency.unwrap_or(key.concurrency);
        key.expires_at = expires_at.unwrap_or(key.expires_at);
        key.webhook_url = webhook_url.unwrap_or(key.webhook_url.take());
        key.disabled = disabled.unwrap_or(key.disabled);
        if key.webhook_url.is_some() && key.webhook_secrets == 0 {
            key.webhook_secrets = 1;
        }
    }
}

/// Where it is remembered what the configuration said.
const HEARD: &[u8] = b"first_key";

/// The secret that the configuration gave the first key when it was last heard: it counts again only when it is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Heard {
    secret_sha256: String,
}

impl Row for Heard {
    const TABLE: Table = Table::Settings;
    const VERSION: u32 = 1;
}

#[derive(Default)]
struct Rings {
    by_hash: HashMap<String, Arc<ApiKey>>,
    by_id: HashMap<KeyId, Arc<ApiKey>>,
}

impl Rings {
    fn put(&mut self, key: ApiKey) -> Arc<ApiKey> {
        let key = Arc::new(key);
        if let Some(old) = self.by_id.insert(key.id, key.clone()) {
            self.by_hash.remove(&old.secret_sha256);
        }
        if key.deleted_at.is_none() {
            self.by_hash.insert(key.secret_sha256.clone(), key.clone());
        }
        key
    }
}

/// How the rest of Atelier speaks to the key ring.
#[derive(Clone)]
pub struct KeyRing {
    rings: Arc<RwLock<Rings>>,
    /// One change at a time: each starts from the row that the one before left.
    writing: Arc<Mutex<()>>,
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
}

impl KeyRing {
    /// Reads all keys.
    pub fn open(store: Store, ledger: Ledger, clock: Arc<dyn Clock>) -> Result<Self, ReadError> {
        let mut rings = Rings::default();
        store.for_each_row::<ApiKey>(|_, key| {
            rings.put(key);
            Ok(())
        })?;
        Ok(Self { rings: Arc::new(RwLock::new(rings)), writing: Arc::default(), store, ledger, clock })
    }

    fn read(&self) -> RwLockReadGuard<'_, Rings> {
        // Writers only insert whole keys, so the maps are sound even after a panic elsewhere.
        self.rings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The usable key with this secret. The secret is compared by its hash, so timing tells nothing about it.
    pub fn authenticate(&self, secret: &str) -> Option<Arc<ApiKey>> {
        let key = self.read().by_hash.get(&sha256_hex(secret)).cloned()?;
        key.is_usable(self.clock.now()).then_some(key)
    }

    /// A key by its id, unless it was deleted.
    pub fn get(&self, id: KeyId) -> Option<Arc<ApiKey>> {
        self.read().by_id.get(&id).filter(|key| key.deleted_at.is_none()).cloned()
    }

    /// All keys that were not deleted, oldest first.
    pub fn list(&self) -> Vec<Arc<ApiKey>> {
        let mut keys: Vec<_> =
            self.read().by_id.values().filter(|key| key.deleted_at.is_none()).cloned().collect();
        keys.sort_by_key(|key| key.id);
        keys
    }

    /// Makes a key with its opening credit, in one transaction. The secret is returned this once.
    pub async fn create(
        &self,
        settings: KeySettings,
        credits: Credits,
    ) -> Result<(Arc<ApiKey>, KeySecret), Refused> {
        let secret = KeySecret::generate();
        let key = self.insert(settings, secret.clone(), credits, false).await?;
        Ok((key, secret))
    }

    /// Changes a key's settings.
    pub async fn update(&self, id: KeyId, settings: KeySettings) -> Result<Arc<ApiKey>, Refused> {
        self.change(id, move |key, _| settings.apply(key)).await
    }

    /// Gives a key a new secret; the old one stops working at once.
    pub async fn rotate(&self, id: KeyId) -> Result<(Arc<ApiKey>, KeySecret), Refused> {
        let secret = KeySecret::generate();
        let (hash, prefix) = (secret.sha256_hex(), secret.prefix());
        let key = self.change(id, move |key, _| (key.secret_sha256, key.prefix) = (hash, prefix)).await?;
        Ok((key, secret))
    }

    /// Gives a key a new secret to sign webhooks with; the old one signs nothing from now on.
    pub async fn rotate_webhook_secret(&self, id: KeyId) -> Result<Arc<ApiKey>, Refused> {
        self.change(id, |key, _| key.webhook_secrets += 1).await
    }

    /// Deletes a key: its secret stops working; its credit and entries stay in the books.
    pub async fn delete(&self, id: KeyId) -> Result<(), Refused> {
        self.change(id, |key, now| key.deleted_at = Some(now)).await.map(drop)
    }

    /// Gives (or with a negative amount takes) credit.
    pub async fn grant(
        &self,
        id: KeyId,
        amount: Credits,
        reason: Option<String>,
    ) -> Result<Balance, Refused> {
        self.get(id).ok_or_else(unknown)?;
        self.ledger.grant(id, amount, reason, None).await
    }

    /// The key of first start. With a configured secret, the key takes it when it changed since it was last heard, unless another key
    /// has it already; without, one is made if there never was any key, and returned so that it can be shown once.
    pub async fn bootstrap(&self, configured: Option<&str>) -> Result<Option<KeySecret>, Refused> {
        let Some(given) = configured.map(KeySecret::given) else {
            if !self.read().by_id.is_empty() {
                return Ok(None);
            }
            let secret = KeySecret::generate();
            self.insert(first_key(), secret.clone(), 0, true).await?;
            return Ok(Some(secret));
        };
        let heard = Heard { secret_sha256: given.sha256_hex() };
        let is_news = self.store.load::<Heard>(HEARD)?.as_ref() != Some(&heard);
        if is_news || self.first().is_none() {
            match self.replace_first(&given).await {
                Err(refused) if refused.code != Code::BadField => return Err(refused),
                _ => {}
            }
            let mut batch = Batch::new();
            batch.put_row(HEARD, &heard, Expect::Any).map_err(Refused::internal)?;
            self.store.submit(batch).await?;
        }
        Ok(None)
    }

    /// Whether the first key has another secret than the configuration last gave it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_first_replaced(&self) -> Result<bool, Refused> {
        let heard = self.store.load::<Heard>(HEARD)?;
        let first = self.first();
        Ok(heard.zip(first).is_some_and(|(heard, first)| heard.secret_sha256 != first.secret_sha256))
    }

    /// The key of first start, unless it was deleted.
    pub fn first(&self) -> Option<Arc<ApiKey>> {
        self.list().into_iter().find(|key| key.bootstrap)
    }

    /// Gives the key of first start this secret; the old one stops working at once. Makes the key if it was deleted.
    ///
    /// # Errors
    /// `bad_field` when another key has this secret.
    pub async fn replace_first(&self, given: &KeySecret) -> Result<Arc<ApiKey>, Refused> {
        let (hash, prefix) = (given.sha256_hex(), given.prefix());
        let owner = self.read().by_hash.get(&hash).cloned();
        match (owner, self.first()) {
            (Some(owner), Some(first)) if owner.id == first.id => Ok(first),
            (Some(_), _) => Err(Refused::new(Code::BadField, "another key has this secret already")),
            (None, Some(first)) => {
                self.change(first.id, move |key, _| (key.secret_sha256, key.prefix) = (hash, prefix)).await
            }
            (None, None) => self.insert(first_key(), given.clone(), 0, true).await,
        }
    }

    async fn insert(
        &self,
        settings: KeySettings,
        secret: KeySecret,
        credits: Credits,
        bootstrap: bool,
    ) -> Result<Arc<ApiKey>, Refused> {
        let now = self.clock.now();
        let mut key = ApiKey {
            id: KeyId::from_uuid(Uuid::now_v7()),
            name: String::new(),
            secret_sha256: secret.sha256_hex(),
            prefix: secret.prefix(),
            metered: true,
            profile: None,
            models: Vec::new(),
            rpm: None,
            concurrency: None,
            expires_at: None,
            webhook_url: None,
            webhook_secrets: 0,
            disabled: false,
            bootstrap,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        settings.apply(&mut key);
        let ring = self.clone();
        to_the_end(async move {
            let _turn = ring.writing.lock().await;
            let rider = row(&key, Expect::Absent)?;
            ring.ledger.grant(key.id, credits, Some("opening credit".into()), Some(rider)).await?;
            Ok(ring.show(key))
        })
        .await
    }

    async fn change(
        &self,
        id: KeyId,
        change: impl FnOnce(&mut ApiKey, Millis) + Send + 'static,
    ) -> Result<Arc<ApiKey>, Refused> {
        let ring = self.clone();
        to_the_end(async move {
            let _turn = ring.writing.lock().await;
            let mut key = ring.get(id).as_deref().cloned().ok_or_else(unknown)?;
            let now = ring.clock.now();
            change(&mut key, now);
            key.updated_at = now;
            ring.store.submit(row(&key, Expect::Present)?).await?;
            Ok(ring.show(key))
        })
        .await
    }

    fn show(&self, key: ApiKey) -> Arc<ApiKey> {
        self.rings.write().unwrap_or_else(PoisonError::into_inner).put(key)
    }
}

fn first_key() -> KeySettings {
    KeySettings { name: Some("first key".into()), metered: Some(false), ..KeySettings::default() }
}

fn row(key: &ApiKey, expect: Expect) -> Result<Batch, Refused> {
    let mut batch = Batch::new();
    batch.put_if(ApiKey::TABLE, key.id.uuid().as_bytes(), key.encode().map_err(Refused::internal)?, expect);
    Ok(batch)
}

fn unknown() -> Refused {
    Refused::new(Code::KeyNotFound, "there is no API key with this id")
}
