//! Settings that can be changed while the gateway runs: what the configuration says, and what was stored over it since. Read without a
//! message; whoever depends on one follows them.

mod values;

pub use values::{Change, Values};

use crate::{
    refused::Refused,
    system::to_the_end,
    vault::{Vault, VaultError},
};
use atelier_domain::code::Code;
use atelier_store::{Batch, Expect, ReadError, Row, Store, Table};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::{Mutex, watch};
use values::Plain;

/// Where the stored settings are.
const STORED: &[u8] = b"overrides";

/// The word for a setting that was changed here.
const SOURCE: &str = "stored";

impl Row for Plain {
    const TABLE: Table = Table::Settings;
    const VERSION: u32 = 1;
}

/// What the configuration says, and where it has it from.
#[derive(Debug, Clone)]
pub struct Base {
    /// The values.
    pub values: Values,
    /// `default`, `file` or `env`, by the names of [`Values::PATHS`].
    pub sources: BTreeMap<String, &'static str>,
}

/// How the rest of Atelier speaks to the settings. Cheap to clone.
#[derive(Clone)]
pub struct Settings {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    vault: Vault,
    base: Base,
    stored: RwLock<Change>,
    /// One change at a time.
    writing: Mutex<()>,
    shown: watch::Sender<Arc<Values>>,
}

/// Why the stored settings could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Their row.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A secret of theirs.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Settings {
    /// Reads what was stored over this base.
    ///
    /// # Errors
    /// A row or a secret cannot be read.
    pub fn open(store: Store, vault: Vault, base: Base) -> Result<Self, SettingsError> {
        let plain = store.load::<Plain>(STORED)?.unwrap_or_default();
        let stored = Change::of(plain, |path| vault.setting(path).map(Option::unwrap_or_default))?;
        let shown = watch::Sender::new(Arc::new(stored.over(&base.values)));
        let inner =
            Inner { store, vault, base, stored: RwLock::new(stored), writing: Mutex::default(), shown };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The settings in force.
    pub fn values(&self) -> Arc<Values> {
        self.inner.shown.borrow().clone()
    }

    /// The settings in force, and every later change of them.
    pub fn watch(&self) -> watch::Receiver<Arc<Values>> {
        self.inner.shown.subscribe()
    }

    /// Where a setting has its value from: `default`, `file`, `env` or `stored`.
    pub fn source(&self, path: &str) -> &'static str {
        if self.stored().has(path) {
            return SOURCE;
        }
        self.inner.base.sources.get(path).copied().unwrap_or("default")
    }

    fn stored(&self) -> Change {
        self.inner.stored.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes settings. They are kept before anybody sees them.
    ///
    /// # Errors
    /// `bad_field` with the name of the field that does not go with the others.
    pub async fn change(&self, change: Change) -> Result<Arc<Values>, Unfit> {
        self.write(move |stored| stored.merge(change)).await
    }

    /// Leaves settings to the configuration again, by the names of [`Values::PATHS`].
    ///
    /// # Errors
    /// As [`Settings::change`].
    pub async fn reset(&self, paths: Vec<String>) -> Result<Arc<Values>, Unfit> {
        self.write(move |stored| paths.iter().for_each(|path| stored.reset(path))).await
    }

    async fn write(&self, change: impl FnOnce(&mut Change) + Send + 'static) -> Result<Arc<Values>, Unfit> {
        let settings = self.clone();
        let written = to_the_end(async move {
            let _turn = settings.inner.writing.lock().await;
            let mut stored = settings.stored();
            change(&mut stored);
            let values = stored.over(&settings.inner.base.values);
            if let Some((field, message)) = values.problem() {
                return Ok(Err(Unfit { field: Some(field), refused: Refused::new(Code::BadField, message) }));
            }
            settings.keep(&stored).await?;
            let values = Arc::new(values);
            *settings.inner.stored.write().unwrap_or_else(PoisonError::into_inner) = stored;
            settings.inner.shown.send_replace(values.clone());
            Ok(Ok(values))
        });
        written.await?
    }

    async fn keep(&self, stored: &Change) -> Result<(), Refused> {
        let mut batch = Batch::new();
        batch.put_row(STORED, &stored.plain(), Expect::Any).map_err(Refused::internal)?;
        for path in Values::SEALED {
            let secret = stored.sealed(path).cloned().unwrap_or_default();
            self.inner.vault.write_setting(&mut batch, path, &secret)?;
        }
        self.inner.store.submit(batch).await?;
        Ok(())
    }
}

/// A change that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The field that does not go with the others, if it was for one.
    pub field: Option<&'static str>,
    /// Why.
    pub refused: Refused,
}

impl From<Refused> for Unfit {
    fn from(refused: Refused) -> Self {
        Self { field: None, refused }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{values::fixture, *};
    use atelier_domain::secret::Secret;
    use atelier_store::OpenOptions;
    use tempfile::TempDir;

    fn open(dir: &TempDir) -> (Store, Settings) {
        let store = Store::open(OpenOptions::new(dir.path())).unwrap();
        let sources = BTreeMap::from([("debug.enabled".to_owned(), "env")]);
        let vault = Vault::open(store.clone(), &[7; 32]);
        let settings = Settings::open(store.clone(), vault, Base { values: fixture(), sources }).unwrap();
        (store, settings)
    }

    #[tokio::test]
    async fn changes_are_seen_at_once_and_survive_a_restart_until_they_are_reset() {
        let dir = TempDir::new().unwrap();
        let (store, settings) = open(&dir);
        let mut follower = settings.watch();
        assert_eq!((settings.source("debug.enabled"), settings.source("proxy.url")), ("env", "default"));
        let proxy = Secret::new("http://u:planted-pw@p:1");
        let change = Change {
            debug: Some(true),
            proxy_url: Some(proxy.clone()),
            proxy: Some(true),
            ..Change::default()
        };
        settings.change(change).await.unwrap();
        assert!(follower.has_changed().unwrap() && follower.borrow_and_update().debug);
        drop((store, settings));
        let (store, settings) = open(&dir);
        assert_eq!((settings.values().debug, settings.values().proxy_url.clone()), (true, proxy));
        assert_eq!(settings.source("debug.enabled"), "stored");
        let kept = format!("{:?}", store.scan(Table::Settings, atelier_store::Scan::all()).unwrap());
        assert!(!kept.contains("planted"), "{kept}");
        let refused = settings.reset(vec!["proxy.url".into()]).await.unwrap_err();
        assert_eq!(refused.field, Some("proxy_url"), "a proxy that is on needs one");
        settings.reset(Values::PATHS.iter().map(|path| (*path).to_owned()).collect()).await.unwrap();
        assert_eq!(*settings.values(), fixture());
        assert_eq!(settings.source("debug.enabled"), "env");
    }

    #[tokio::test]
    async fn a_secret_that_is_taken_away_does_not_come_back_from_the_configuration() {
        let dir = TempDir::new().unwrap();
        let store = Store::open(OpenOptions::new(dir.path())).unwrap();
        let vault = Vault::open(store.clone(), &[7; 32]);
        let values = Values { proxy_url: Secret::new("p:1"), ..fixture() };
        let base = Base { values, sources: BTreeMap::new() };
        let settings = Settings::open(store.clone(), vault.clone(), base.clone()).unwrap();
        let gone = Change { proxy_url: Some(Secret::default()), ..Change::default() };
        settings.change(gone).await.unwrap();
        let again = Settings::open(store, vault, base).unwrap();
        assert!(again.values().proxy_url.is_empty());
        assert_eq!(again.source("proxy.url"), "stored");
    }
}
