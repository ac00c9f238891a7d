//! The admin's desk: password, login and sessions.

use crate::{
    key_ring::{KeySecret, sha256_hex},
    refused::Refused,
    throttle::Throttle,
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
    /// What the configuration said when it was last heard: it counts again only when it says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configured: Option<Configured>,
}

/// The admin as the configuration names one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Configured {
    username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
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

    /// Sets the admin of first start. What is configured is taken when it changed since it was last heard: what the admin changed since
    /// then stays. Without a password, one is made if there is none yet, and returned so that it can be shown once. New credentials
    /// close all sessions.
    pub async fn bootstrap(
        &self,
        username: &str,
        password: Option<&str>,
    ) -> Result<Option<KeySecret>, Refused> {
        let Some(kept) = self.store.load::<Admin>(ADMIN)? else {
            let made = password.map_or_else(|| KeySecret::with_prefix(""), KeySecret::given);
            let password_hash = self.hash(made.expose()).await?;
            let heard = password.is_some().then(|| password_hash.clone());
            let configured = Some(Configured { username: username.to_owned(), password_hash: heard });
            self.write(&Admin { username: username.to_owned(), password_hash, configured }).await?;
            return Ok(password.is_none().then_some(made));
        };
        let heard = kept.configured.clone().unwrap_or_else(|| Configured {
            username: kept.username.clone(),
            password_hash: Some(kept.password_hash.clone()),
        });
        let is_new = match (password, &heard.password_hash) {
            (Some(password), Some(hash)) => !self.verifies(hash, password).await?,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if !is_new && heard.username == username {
            return Ok(None);
        }
        let fresh = match password.filter(|_| is_new) {
            Some(password) => Some(self.hash(password).await?),
            None => None,
        };
        let named = if heard.username == username { kept.username } else { username.to_owned() };
        let admin = Admin {
            username: named,
            password_hash: fresh.clone().unwrap_or(kept.password_hash),
            configured: Some(Configured {
                username: username.to_owned(),
                password_hash: fresh.or(heard.password_hash),
            }),
        };
        self.write(&admin).await?;
        Ok(None)
    }

    /// The admin's name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn username(&self) -> Result<String, Refused> {
        Ok(self.admin()?.username)
    }

    /// Whether the admin changed what the configuration, or the first start, had said.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_changed(&self) -> Result<bool, Refused> {
        let admin = self.admin()?;
        Ok(admin.configured.is_some_and(|heard| heard.username != admin.username))
    }

    fn admin(&self) -> Result<Admin, Refused> {
        self.store.load::<Admin>(ADMIN)?.ok_or_else(|| Refused::internal("no admin was set up"))
    }

    /// Gives the admin a new password, and a new name if one is said, to whoever knows the old password; all sessions are closed. `peer` is
    /// throttled as for logins.
    ///
    /// # Errors
    /// `invalid_credentials` for a wrong old password, `login_throttled`.
    pub async fn change_password(
        &self,
        peer: &str,
        old: &str,
        new: &str,
        username: Option<String>,
    ) -> Result<(), Refused> {
        self.admit(peer)?;
        let admin = self.admin()?;
        if old.len() > LONGEST_PASSWORD || !self.verifies(&admin.password_hash, old).await? {
            return Err(Refused::new(Code::InvalidCredentials, "the old password is wrong"));
        }
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).forgive(peer);
        let password_hash = self.hash(new).await?;
        // Rows of before this was remembered: what they say is what the configuration had said.
        let configured = admin.configured.or(Some(Configured {
            username: admin.username.clone(),
            password_hash: Some(admin.password_hash),
        }));
        let username = username.unwrap_or(admin.username);
        self.write(&Admin { username, password_hash, configured }).await
    }

    /// Opens a session for the right name and password. `peer` is where the attempt comes from; too many failures are throttled.
    pub async fn login(&self, peer: &str, username: &str, password: &str) -> Result<KeySecret, Refused> {
        self.admit(peer)?;
        let admin = self.admin()?;
        let named = bool::from(admin.username.as_bytes().ct_eq(username.as_bytes()));
        // The password is checked for a wrong name as well, so that timing does not tell which was wrong.
        let right =
            password.len() <= LONGEST_PASSWORD && self.verifies(&admin.password_hash, password).await?;
        if !(named && right) {
            return Err(Refused::new(Code::InvalidCredentials, "the user name or the password is wrong"));
        }
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).forgive(peer);
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

    /// Counts an attempt from there, or says when to come back.
    fn admit(&self, peer: &str) -> Result<(), Refused> {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.admit(peer, self.clock.now()).map_err(|wait| {
            let message = format!("too many failed logins: wait {} s and try again", wait.as_secs());
            Refused::new(Code::LoginThrottled, message).retry_after(wait.min(Duration::from_secs(60)))
        })
    }
}

/// Where the session of a token is kept: under its hash, so that a stolen database opens no session.
fn place(token: &str) -> Vec<u8> {
    sha256_hex(token).into_bytes()
}
