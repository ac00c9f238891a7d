//! What the server and the drill agree on before the first kill: the settings, the admin, and the keys with their credit.

use super::DrillError;
use crate::{client::Client, operator, process::Setup};
use std::time::Duration;

const ADMIN_PASSWORD: &str = "drill-admin-password";
const FIRST_KEY: &str = "sk-drill-first-key-0123456789";

/// One API key of the drill.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub name: &'static str,
    pub id: String,
    pub secret: String,
    pub metered: bool,
    /// Every order of it carries an Idempotency-Key and is sent again until it is answered: no job of it is unknown.
    pub careful: bool,
}

/// What was agreed.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub keys: Vec<Key>,
}

/// The server's settings: faults can be scripted, nothing is forgotten during the drill, accounts do not stay switched off.
pub(super) fn settings(setup: Setup) -> Setup {
    [
        ("GLOBAL__API_KEY", FIRST_KEY),
        ("GLOBAL__ADMIN_PASSWORD", ADMIN_PASSWORD),
        ("STUDIO__FAULTS", "true"),
        ("STUDIO__ACCOUNTS", "4"),
        ("STUDIO__SLOTS", "8"),
        ("POOL__ERROR_BAN_THRESHOLD", "1000"),
        ("POOL__MAX_ATTEMPTS", "10"),
        ("JOBS__RETENTION_S", "86400"),
        ("MEDIA__URL_TTL_S", "86400"),
        ("LOG__LEVEL", "warn"),
    ]
    .into_iter()
    .fold(setup, |setup, (key, value)| setup.set(key, value))
}

/// A client with an admin session. Sessions end with the life that they were opened in only if the server loses them.
pub(super) async fn admin(root: &Client) -> Result<Client, String> {
    operator::admin(root, ADMIN_PASSWORD).await
}

impl Terms {
    /// Starts the server once, undisturbed, and makes the keys.
    pub async fn agree(setup: &Setup, patience: Duration) -> Result<Self, DrillError> {
        let mut server = setup.start(patience).await?;
        let admin = admin(&server.client()).await.map_err(DrillError::Unfit)?;
        let mut keys = vec![Key {
            name: "unmetered",
            id: String::new(),
            secret: FIRST_KEY.to_owned(),
            metered: false,
            careful: false,
        }];
        for (name, credits, careful) in [
            ("rich", 1_000_000, false),
            ("careful", 1_000_000, true),
            ("poor", 20, false),
            ("poorer", 3, false),
        ] {
            let operator::Key { id, secret } =
                operator::key(&admin, name, credits).await.map_err(DrillError::Unfit)?;
            keys.push(Key { name, id, secret, metered: true, careful });
        }
        server.terminate(patience).await?;
        Ok(Self { keys })
    }
}
