//! What may be set on an account, and what follows from it: pure.

use super::claims::Claims;
use atelier_domain::{
    account::{Account, AccountModel, AccountSecrets, Checked, Lane, Off},
    secret::Secret,
    time::Millis,
};

/// What may be set on one kind of work. `None` leaves it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneDraft {
    /// Whether it is taken at all.
    pub enabled: Option<bool>,
    /// How many at once; −1 means no limit.
    pub slots: Option<i32>,
}

impl LaneDraft {
    fn apply(self, lane: &mut Lane) {
        lane.enabled = self.enabled.unwrap_or(lane.enabled);
        lane.slots = self.slots.unwrap_or(lane.slots);
    }
}

/// What may be set on an account. `None` leaves it as it is (or at its default for a new one); `Some(None)` takes it away.
#[derive(Debug, Clone, Default)]
pub struct AccountDraft {
    /// The engine it belongs to. It never changes: only that of a new account counts.
    pub engine: String,
    /// The operator's name for it.
    pub name: Option<String>,
    /// Its address upstream.
    pub email: Option<Option<String>>,
    /// Its public name upstream.
    pub username: Option<Option<String>>,
    /// What the operator notes about it.
    pub remark: Option<Option<String>>,
    /// Whether attempts may use it.
    pub enabled: Option<bool>,
    /// Images that it takes.
    pub images: LaneDraft,
    /// Videos that it takes.
    pub videos: LaneDraft,
    /// Submits a minute.
    pub rpm: Option<Option<u32>>,
    /// Images a minute.
    pub ipm: Option<Option<u32>>,
    /// Start of its API.
    pub base_url: Option<Option<String>>,
    /// The profile of its dialect.
    pub dialect: Option<Option<String>>,
    /// The models that it serves; an empty list leaves that to the catalogue, or to its upstream.
    pub models: Option<Vec<AccountModel>>,
    /// When its access token ends, where the token does not say so itself.
    pub expires_at: Option<Option<Millis>>,
    /// Secrets by name, see [`AccountSecrets::FIELDS`]; an empty one takes it away.
    pub secrets: Vec<(&'static str, Secret)>,
}

impl AccountDraft {
    /// Whether it changes what two accounts are told apart by.
    pub(super) fn tells_accounts_apart(&self) -> bool {
        !self.secrets.is_empty() || self.email.is_some() || self.base_url.is_some()
    }

    /// Sets what is not secret.
    pub(super) fn apply(&self, account: &mut Account) {
        let set = |field: &mut Option<String>, new: &Option<Option<String>>| {
            if let Some(new) = new {
                field.clone_from(new);
            }
        };
        set(&mut account.identity.email, &self.email);
        set(&mut account.identity.username, &self.username);
        set(&mut account.remark, &self.remark);
        set(&mut account.endpoint.base_url, &self.base_url);
        set(&mut account.endpoint.dialect, &self.dialect);
        if let Some(name) = &self.name {
            account.name.clone_from(name);
        }
        if let Some(models) = &self.models {
            account.models.clone_from(models);
            account.models_listed = false;
        }
        self.images.apply(&mut account.images);
        self.videos.apply(&mut account.videos);
        account.rpm = self.rpm.unwrap_or(account.rpm);
        account.ipm = self.ipm.unwrap_or(account.ipm);
        account.expires_at = self.expires_at.unwrap_or(account.expires_at);
        if let Some(enabled) = self.enabled.filter(|enabled| *enabled != account.enabled) {
            super::turn(account, (!enabled).then_some(Off::Manual));
        }
    }

    /// Sets secrets; false when nothing is different afterwards.
    pub(super) fn apply_secrets(&self, secrets: &mut AccountSecrets) -> bool {
        let before = secrets.clone();
        for (name, secret) in &self.secrets {
            secrets.set(name, secret.clone());
        }
        *secrets != before
    }

    /// What new secrets say about the account, and what is not known any more.
    pub(super) fn read_secrets(&self, account: &mut Account, secrets: &AccountSecrets) {
        let claims = secrets.token.as_ref().and_then(Claims::of).unwrap_or_default();
        if self.expires_at.is_none() {
            account.expires_at = claims.expires_at;
        }
        if account.identity.email.is_none() {
            account.identity.email = claims.email;
        }
        account.checked = Checked::default();
        // It was off because the credential was no good, and here is another.
        if self.enabled.is_none() && matches!(account.off, Some(Off::TokenInvalid | Off::Expired)) {
            super::turn(account, None);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use atelier_domain::ids::AccountId;
    use uuid::Uuid;

    fn account() -> Account {
        Account::new(AccountId::from_uuid(Uuid::from_u128(1)), 1, "openai", "mine", Millis(0))
    }

    #[test]
    fn what_is_left_out_stays_and_what_is_taken_away_goes() {
        let mut account = account();
        let given = AccountDraft {
            remark: Some(Some("lent".into())),
            rpm: Some(Some(5)),
            images: LaneDraft { enabled: Some(false), slots: Some(2) },
            ..AccountDraft::default()
        };
        given.apply(&mut account);
        let before = account.clone();
        AccountDraft::default().apply(&mut account);
        assert_eq!(account, before);
        assert_eq!((account.rpm, account.images), (Some(5), Lane { enabled: false, slots: 2 }));
        AccountDraft { remark: Some(None), rpm: Some(None), ..AccountDraft::default() }.apply(&mut account);
        assert_eq!((account.remark, account.rpm), (None, None));
    }

    #[test]
    fn a_new_credential_revives_what_the_old_one_killed_and_nothing_else() {
        for (off, revived) in [
            (Off::TokenInvalid, true),
            (Off::Expired, true),
            (Off::Manual, false),
            (Off::Billing, false),
            (Off::ErrorLimit, false),
        ] {
            let mut account = account();
            super::super::turn(&mut account, Some(off));
            account.checked.at = Some(Millis(5));
            AccountDraft::default().read_secrets(&mut account, &AccountSecrets::default());
            assert_eq!((account.enabled, account.off.is_none()), (revived, revived), "{off:?}");
            assert_eq!(account.checked, Checked::default(), "what was found out about the old one is void");
        }
    }

    #[test]
    fn the_same_secret_again_is_no_change() {
        let mut secrets = AccountSecrets::default();
        let draft = AccountDraft { secrets: vec![("token", Secret::new("sk-1"))], ..AccountDraft::default() };
        assert!(draft.apply_secrets(&mut secrets));
        assert!(!draft.apply_secrets(&mut secrets));
        let gone = AccountDraft { secrets: vec![("token", Secret::default())], ..AccountDraft::default() };
        assert!(gone.apply_secrets(&mut secrets));
        assert_eq!(secrets, AccountSecrets::default());
    }
}
