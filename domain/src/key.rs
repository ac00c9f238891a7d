//! API keys: what a client authenticates with, and what it may do.

use crate::{ids::KeyId, time::Millis};
use serde::{Deserialize, Serialize};

/// Which of two dialects answers where older systems exclude each other (api.md §0, the table).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// As OpenAI answers.
    #[default]
    OpenAi,
    /// As sora2api answered.
    Sora2Api,
}

impl Profile {
    /// The profile with this written form.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "openai" => Some(Self::OpenAi),
            "sora2api" => Some(Self::Sora2Api),
            _ => None,
        }
    }

    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Sora2Api => "sora2api",
        }
    }
}

/// One API key. Its own secret is nowhere: only its SHA-256 is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Which key.
    pub id: KeyId,
    /// The operator's name for it.
    pub name: String,
    /// SHA-256 of the whole secret, in hex.
    pub secret_sha256: String,
    /// The first characters of the secret, to tell keys apart.
    pub prefix: String,
    /// Whether its jobs cost credit.
    pub metered: bool,
    /// Its dialect; none means the gateway's default.
    pub profile: Option<Profile>,
    /// The only models it may use; empty means all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Creating calls a minute; none means no limit.
    pub rpm: Option<u32>,
    /// Open jobs at once; none means no limit.
    pub concurrency: Option<u32>,
    /// When it stops working.
    pub expires_at: Option<Millis>,
    /// Where finished jobs are told to.
    pub webhook_url: Option<String>,
    /// How many secrets its events were signed with so far, of which the last is in force; 0 before it first had a URL. They are
    /// kept nowhere: each follows from the secret of the installation.
    #[serde(default)]
    pub webhook_secrets: u32,
    /// Switched off by the operator.
    #[serde(default)]
    pub disabled: bool,
    /// The key made at first start or named in the configuration.
    #[serde(default)]
    pub bootstrap: bool,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// When it was deleted: the row stays, since the ledger speaks of it.
    pub deleted_at: Option<Millis>,
}

impl ApiKey {
    /// Whether the key opens anything at this time.
    pub fn is_usable(&self, now: Millis) -> bool {
        !self.disabled && self.deleted_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the key may use the model, known by its asked or its own name.
    pub fn may_use(&self, asked: &str, own: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|m| m == asked || m == own)
    }
}
