//! Accounts: one credential at one upstream, lent to attempts by the pool. What is secret of it is kept apart, sealed.

use crate::{ids::AccountId, job::JobKind, secret::Secret, time::Millis};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// One account as it is kept. Leases and rests are the pool's own and live in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Which account.
    pub id: AccountId,
    /// Its number, from 1: what `/api/tokens/{id}` speaks of. Never given twice.
    pub number: u64,
    /// The engine it belongs to, such as `studio`.
    pub engine: String,
    /// The operator's name for it.
    pub name: String,
    /// Who it is upstream.
    #[serde(default)]
    pub identity: Identity,
    /// What the operator notes about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// Whether attempts may use it.
    pub enabled: bool,
    /// Why it is off, if something switched it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Off>,
    /// Images that it takes.
    pub images: Lane,
    /// Videos that it takes.
    pub videos: Lane,
    /// Submits a minute; none means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
    /// Images a minute; none means no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipm: Option<u32>,
    /// Where its upstream is, for engines that speak to more than one.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// The models that it serves; empty: whatever the catalogue sends to its engine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<AccountModel>,
    /// Whether these are its upstream's own list, which the next look at it replaces; otherwise they are the operator's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub models_listed: bool,
    /// What the last look at its upstream found.
    #[serde(default)]
    pub checked: Checked,
    /// When its access token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
    /// Since when it exists.
    pub created_at: Millis,
    /// When it was last changed by somebody.
    pub updated_at: Millis,
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Who an account is upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its public name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// One kind of work of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Whether it takes such work at all.
    pub enabled: bool,
    /// How many at once; −1 means no limit.
    pub slots: i32,
}

impl Lane {
    /// A lane that takes everything.
    pub const OPEN: Self = Self { enabled: true, slots: -1 };
}

/// What switched an account off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// The operator.
    Manual,
    /// Too many faults in a row.
    ErrorLimit,
    /// Its credential is refused and cannot be renewed.
    TokenInvalid,
    /// Its access token ended and cannot be renewed.
    Expired,
    /// It has no money left, or is locked.
    Billing,
}

impl Off {
    /// The written form, as in `disabled_reason`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::ErrorLimit => "error_limit",
            Self::TokenInvalid => "token_invalid",
            Self::Expired => "expired",
            Self::Billing => "billing",
        }
    }
}

/// Where an upstream is and how it speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Start of its API, without a final `/`; none: the engine's own default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The profile of its dialect, such as `vllm-omni`; none: the engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
}

impl Endpoint {
    /// Whether what is meant for the one may be sent to the other: the same address, or the default that an engine has for the dialect.
    pub fn is_at(&self, other: &Self) -> bool {
        self.base_url == other.base_url && (self.base_url.is_some() || self.dialect == other.dialect)
    }
}

/// A model that an account serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountModel {
    /// The name that clients use.
    pub name: String,
    /// Its name upstream, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// What it makes; none for text.
    pub kind: Option<JobKind>,
}

/// What a look at the upstream found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// When it was looked at; none: never, so the account is unverified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Millis>,
    /// Why it did not work, for the operator; none: it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What is left, by family of models.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quota: BTreeMap<String, Quota>,
    /// Whom it may invite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invites: Option<Invites>,
}

/// The invitations that an account may give away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invites {
    /// The code to invite with.
    pub code: String,
    /// How many have used it.
    pub redeemed: u64,
    /// How many may.
    pub total: u64,
}

impl Invites {
    /// How many may still use it.
    pub const fn left(&self) -> u64 {
        self.total.saturating_sub(self.redeemed)
    }
}

/// What an account has paid for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The upstream's word, such as `chatgpt_pro`.
    pub id: String,
    /// For people.
    pub title: String,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Millis>,
}

/// What is left of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Generations that may still be made.
    pub remaining: u64,
    /// When it is full again, if the upstream says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Millis>,
}

impl Account {
    /// A new account that serves everything its engine can.
    pub fn new(id: AccountId, number: u64, engine: &str, name: &str, now: Millis) -> Self {
        Self {
            id,
            number,
            engine: engine.to_owned(),
            name: name.to_owned(),
            identity: Identity::default(),
            remark: None,
            enabled: true,
            off: None,
            images: Lane::OPEN,
            videos: Lane::OPEN,
            rpm: None,
            ipm: None,
            endpoint: Endpoint::default(),
            models: Vec::new(),
            models_listed: false,
            checked: Checked::default(),
            expires_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The lane of a kind of work; none is text, which is bounded by the account's pace alone.
    pub const fn lane(&self, kind: Option<JobKind>) -> Lane {
        match kind {
            Some(JobKind::Image) => self.images,
            Some(JobKind::Video) => self.videos,
            None => Lane::OPEN,
        }
    }

    /// Whether the operator means it for this model, switched on or not. No kind is text.
    pub fn serves(&self, model: &str, kind: Option<JobKind>) -> bool {
        let listed = |own: &AccountModel| own.name == model && own.kind == kind;
        self.models.is_empty() || self.models.iter().any(listed)
    }

    /// What the model is called upstream.
    pub fn upstream_name<'a>(&'a self, model: &'a str) -> &'a str {
        let listed = self.models.iter().find(|own| own.name == model);
        listed.and_then(|own| own.upstream.as_deref()).unwrap_or(model)
    }

    /// Whether its plan is at least `wanted`, such as `pro`; `chatgpt_pro` is.
    pub fn has_plan(&self, wanted: &str) -> bool {
        let id = self.checked.plan.as_ref().map_or("", |plan| plan.id.as_str());
        id == wanted || id.strip_suffix(wanted).is_some_and(|rest| rest.ends_with('_'))
    }
}

macro_rules! account_secrets {
    ($($(#[$doc:meta])* $field:ident),+ $(,)?) => {
        /// What an account authenticates with. It has no `Serialize` on purpose: [`AccountSecrets::expose`] is the only way out, and
        /// leads to what seals it.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct AccountSecrets {
            $($(#[$doc])* pub $field: Option<Secret>,)+
        }

        impl AccountSecrets {
            /// The names of all fields, for forms and tests.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];

            /// Every secret that is set, by name.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
                [$((stringify!($field), self.$field.as_ref())),+]
                    .into_iter()
                    .filter_map(|(name, secret)| Some((name, secret?)))
            }

            /// Sets a secret by name, an empty one to none; false when there is no such name.
            pub fn set(&mut self, name: &str, secret: Secret) -> bool {
                let secret = Some(secret).filter(|secret| !secret.is_empty());
                match name {
                    $(stringify!($field) => self.$field = secret,)+
                    _ => return false,
                }
                true
            }
        }
    };
}

account_secrets!(
    /// What opens the upstream: an API key or an access token.
    token,
    /// A session token that access tokens are had for (ST).
    session_token,
    /// A refresh token that access tokens are had for (RT). It changes with each use.
    refresh_token,
    /// The client that the refresh token was given to.
    client_id,
    /// That client's secret, for machine accounts.
    client_secret,
    /// Cookies, where an upstream wants some.
    cookie,
    /// The proxy that this account goes out through.
    proxy_url,
    /// The `OpenAI-Organization` that a key with several speaks for.
    organization,
    /// The `OpenAI-Project` of such a key.
    project,
);

impl AccountSecrets {
    /// All of it as JSON, to be sealed and nothing else.
    pub fn expose(&self) -> Vec<u8> {
        let fields = self.each().map(|(name, secret)| (name.to_owned(), secret.expose().into()));
        serde_json::Value::Object(fields.collect()).to_string().into_bytes()
    }

    /// Reads what [`AccountSecrets::expose`] wrote; none when it is something else.
    pub fn read(json: &[u8]) -> Option<Self> {
        let fields: BTreeMap<String, String> = serde_json::from_slice(json).ok()?;
        let mut secrets = Self::default();
        fields.into_iter().all(|(name, text)| secrets.set(&name, Secret::new(text))).then_some(secrets)
    }
}

/// The account of a call: who, where, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose it is.
    pub account: AccountId,
    /// Where its upstream is.
    pub endpoint: Endpoint,
    /// What opens it.
    pub secrets: Arc<AccountSecrets>,
    /// The proxy that its calls go out through, decided; none: directly.
    pub proxy: Option<Secret>,
}

impl Credential {
    /// An account that needs nothing, as of an embedded engine.
    pub fn bare(account: AccountId) -> Self {
        Self { account, endpoint: Endpoint::default(), secrets: Arc::default(), proxy: None }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use uuid::Uuid;

    fn account() -> Account {
        Account::new(AccountId::from_uuid(Uuid::from_u128(1)), 1, "openai", "mine", Millis(0))
    }

    #[test]
    fn secrets_come_back_as_they_went_and_are_in_no_debug_output() {
        let mut secrets = AccountSecrets::default();
        for (number, name) in AccountSecrets::FIELDS.iter().enumerate() {
            assert!(secrets.set(name, Secret::new(format!("planted-{number}-\"\n"))));
        }
        assert!(!secrets.set("no_such", Secret::new("x")));
        assert_eq!(AccountSecrets::read(&secrets.expose()), Some(secrets.clone()));
        assert!(!format!("{secrets:?}").contains("planted"));
        assert_eq!(AccountSecrets::read(b"{\"no_such\":\"x\"}"), None);
        assert_eq!(
            AccountSecrets::read(&AccountSecrets::default().expose()),
            Some(AccountSecrets::default())
        );
    }

    #[test]
    fn a_list_of_models_is_the_whole_truth_and_may_rename() {
        let mut account = account();
        assert!(account.serves("anything", Some(JobKind::Image)));
        account.models = vec![AccountModel {
            name: "flux".into(),
            upstream: Some("black-forest-labs/FLUX.1".into()),
            kind: Some(JobKind::Image),
        }];
        assert!(
            account.serves("flux", Some(JobKind::Image)) && !account.serves("flux", Some(JobKind::Video))
        );
        assert!(!account.serves("anything", Some(JobKind::Image)));
        assert_eq!(account.upstream_name("flux"), "black-forest-labs/FLUX.1");
        assert_eq!(account.upstream_name("other"), "other");
    }

    #[test]
    fn a_plan_is_known_by_its_last_word() {
        let mut account = account();
        assert!(!account.has_plan("pro"));
        for (id, is_pro) in
            [("pro", true), ("chatgpt_pro", true), ("chatgpt_plus", false), ("semipro", false)]
        {
            account.checked.plan = Some(Plan { id: id.into(), ..Plan::default() });
            assert_eq!(account.has_plan("pro"), is_pro, "{id}");
        }
    }
}
