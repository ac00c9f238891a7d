//! The admin's desk: password, login and sessions.

mod policy;

use crate::{
    key_ring::{KeySecret, sha256_hex},
    refused::Refused,
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use atelier_domain::{
    code::Code,
    time::{Clock, Millis},
};
use atelier_store::{Batch, Expect, Row, Scan, Store, Table};
use policy::Throttle;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// How long a session lasts.
pub const SESSION_LENGTH: Duration = Duration::from_secs(24 * 3600);

/// Longer passwords are wrong without a look, in bytes.
const LONGEST_PASSWORD: usize = 1024;

/// Passwords that are hashed at the same time.
const HASHES_AT_ONCE: usize = 2;

/// Where the admin's row is.
const ADMIN: &[u8] = b"admin";

/// The admin's credentials: the password only as its Argon2id hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Admin {
    username: String,
    password_hash: String,
}

impl Row for Admin {
    const TABLE: Table = Table::Settings;
    const VERSION: u32 = 1;
}

/// One open session, found by the hash of its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub username: String,
    pub expires_at: Millis,
}

impl Row for Session {
    const TABLE: Table = Table::Sessions;
    const VERSION: u32 = 1;
}

/// How the rest of Atelier speaks to the desk.
#[derive(Clone)]
pub struct AdminDesk {
    store: Store,
    clock: Arc<dyn Clock>,
    throttle: Arc<Mutex<Throttle>>,
    hashing: Arc<Semaphore>,
}

impl AdminDesk {
    /// The desk over this store.
    pub fn open(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, throttle: Arc::default(), hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)) }
    }

    /// Sets the admin of first start. A configured password is taken whenever it changed; without one, a password is made
    /// if there is none yet, and returned so that it can be shown once. New credentials close all sessions.
    pub async fn bootstrap(
        &self,
        username: &str,
        configured: Option<&str>,
    ) -> Result<Option<KeySecret>, Refused> {
        let kept = self.store.load::<Admin>(ADMIN)?;
        let unchanged = match (&kept, configured) {
            (Some(admin), None) => admin.username == username,
            (Some(admin), Some(password)) => {
                admin.username == username && self.verifies(&admin.password_hash, password).await?
            }
            (None, _) => false,
        };
        if unchanged {
            return Ok(None);
        }
        if let (Some(admin), None) = (kept, configured) {
            self.write(&Admin { username: username.to_owned(), ..admin }).await?;
            return Ok(None);
        }
        let secret = configured.map_or_else(|| KeySecret::with_prefix(""), KeySecret::given);
        let password_hash = self.hash(secret.expose()).await?;
        self.write(&Admin { username: username.to_owned(), password_hash }).await?;
        Ok(configured.is_none().then_some(secret))
    }

    /// Opens a session for the right name and password. `peer` is where the attempt comes from; too many failures are throttled.
    pub async fn login(&self, peer: &str, username: &str, password: &str) -> Result<KeySecret, Refused> {
        self.throttled(|throttle, now| throttle.admit(peer, now))?;
        let admin =
            self.store.load::<Admin>(ADMIN)?.ok_or_else(|| Refused::internal("no admin was set up"))?;
        let named = bool::from(admin.username.as_bytes().ct_eq(username.as_bytes()));
        // The password is checked for a wrong name as well, so that timing does not tell which was wrong.
        let right =
            password.len() <= LONGEST_PASSWORD && self.verifies(&admin.password_hash, password).await?;
        if !(named && right) {
            return Err(Refused::new(Code::InvalidCredentials, "the user name or the password is wrong"));
        }
        self.throttled(|throttle, _| {
            throttle.forgive(peer);
            Ok(())
        })?;
        let token = KeySecret::with_prefix("admin-");
        let session = Session { username: admin.username, expires_at: self.clock.now() + SESSION_LENGTH };
        let mut batch = Batch::new();
        batch.put_row(place(token.expose()), &session, Expect::Absent).map_err(Refused::internal)?;
        self.store.submit(batch).await?;
        Ok(token)
    }

    /// The user name of an open session.
    pub fn session(&self, token: &str) -> Result<Option<String>, Refused> {
        let session = self.store.load::<Session>(place(token))?;
        Ok(session.filter(|session| self.clock.now() < session.expires_at).map(|session| session.username))
    }

    /// Closes a session; an unknown one is closed already.
    pub async fn logout(&self, token: &str) -> Result<(), Refused> {
        let mut batch = Batch::new();
        batch.delete(Table::Sessions, place(token));
        self.store.submit(batch).await?;
        Ok(())
    }

    async fn write(&self, admin: &Admin) -> Result<(), Refused> {
        let mut batch = Batch::new();
        batch.put_row(ADMIN, admin, Expect::Any).map_err(Refused::internal)?;
        self.store.submit(batch).await?;
        loop {
            let open = self.store.scan(Table::Sessions, Scan::all())?;
            if open.is_empty() {
                return Ok(());
            }
            let mut batch = Batch::new();
            for (place, _) in open {
                batch.delete(Table::Sessions, place);
            }
            self.store.submit(batch).await?;
        }
    }

    /// Hashing takes 19 MiB and a thread each time, so few at once.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refused> {
        let _turn = self.hashing.acquire().await.map_err(Refused::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Refused::internal)?.map_err(Refused::internal)
    }

    async fn hash(&self, password: &str) -> Result<String, Refused> {
        let password = password.to_owned();
        self.apart(move || {
            let hash = Argon2::default().hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
        })
        .await
    }

    async fn verifies(&self, hash: &str, password: &str) -> Result<bool, Refused> {
        let (hash, password) = (hash.to_owned(), password.to_owned());
        self.apart(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    fn throttled(
        &self,
        act: impl FnOnce(&mut Throttle, Millis) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let now = self.clock.now();
        act(&mut self.throttle.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

/// Where the session of a token is kept: under its hash, so that a stolen database opens no session.
fn place(token: &str) -> Vec<u8> {
    sha256_hex(token).into_bytes()
}
