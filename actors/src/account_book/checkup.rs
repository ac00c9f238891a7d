//! Whether an account works: a look at its upstream through its engine, and what follows from what was seen.

use super::{AccountBook, turn};
use crate::{account_pool::Pool, refused::Refused};
use actix::ArbiterHandle;
use atelier_domain::{
    account::{Account, Checked, Identity, Off},
    engine::{Checkup, Credential, Engine, LocalFuture},
    fault::{Fault, FaultClass},
    time::{Clock, Millis},
};
use futures_util::{StreamExt, stream};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// How long an upstream may take to say whether an account works.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many accounts are looked at at once.
const AT_ONCE: usize = 5;

/// How long many looks may take together. Those that had no turn by then are told so.
const ALTOGETHER: Duration = Duration::from_secs(120);

/// Which accounts that are off are switched on when they turn out to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revive {
    /// Those that something other than the operator switched off.
    ByFaults,
    /// All: the operator asks for it.
    All,
}

/// What a look switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// On: it was off, and works.
    On,
    /// Off: its credential is refused.
    Off,
}

/// What a look found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The account afterwards.
    pub account: Arc<Account>,
    /// Why it does not work, for the operator; none: it works.
    pub problem: Option<String>,
    /// What followed.
    pub switched: Option<Switched>,
}

/// Looks at accounts. Cheap to clone.
#[derive(Clone)]
pub struct Checkups {
    pub(super) book: AccountBook,
    pub(super) pool: Pool,
    pub(super) engines: HashMap<String, Arc<dyn Engine>>,
    clock: Arc<dyn Clock>,
    on: ArbiterHandle,
}

impl Checkups {
    /// Looks at accounts of this book through these engines, on this arbiter.
    pub fn new(
        book: AccountBook,
        pool: Pool,
        engines: HashMap<String, Arc<dyn Engine>>,
        clock: Arc<dyn Clock>,
        on: ArbiterHandle,
    ) -> Self {
        Self { book, pool, engines, clock, on }
    }

    /// The engines that are here, by name, sorted.
    pub fn engines(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.engines.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Looks at one account and keeps what was found.
    ///
    /// # Errors
    /// `account_not_found`, or what was found cannot be kept; that an account does not work is no error.
    pub async fn check(&self, number: u64, revive: Revive) -> Result<Report, Refused> {
        let account = self.book.get(number)?;
        let found = self.look(account).await;
        self.book.checked(number, found, revive).await
    }

    /// Looks at many accounts, a few at once. The answer is in their order; none for those that had no turn in time or are gone.
    pub async fn check_all(&self, numbers: Vec<u64>, revive: Revive) -> Vec<(u64, Option<Report>)> {
        let deadline = self.clock.now() + ALTOGETHER;
        let look = |number| async move {
            let in_time = self.clock.now() < deadline;
            (number, if in_time { self.check(number, revive).await.ok() } else { None })
        };
        stream::iter(numbers).map(look).buffered(AT_ONCE).collect().await
    }

    async fn look(&self, account: Arc<Account>) -> Result<Checkup, Fault> {
        self.asked(account, |engine, credential| engine.check(credential)).await
    }

    /// Asks an account's engine, on its arbiter: clients of upstreams stay on their thread, and a panic of theirs stays theirs.
    pub(super) async fn asked<T: Send + 'static>(
        &self,
        account: Arc<Account>,
        ask: impl FnOnce(Arc<dyn Engine>, Credential) -> LocalFuture<Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        let Some(engine) = self.engines.get(&account.engine).cloned() else {
            return Err(Fault::new(FaultClass::Internal, format!("no engine {} is here", account.engine)));
        };
        let (steward, clock) = (self.pool.steward().clone(), self.clock.clone());
        let (answer, answered) = oneshot::channel();
        let until = clock.now() + PATIENCE;
        self.on.spawn_fn(move || {
            let asking = async move {
                let credential = steward.credential(account).await?;
                ask(engine, credential).await
            };
            actix_rt::spawn(async move {
                let late = Fault::new(FaultClass::Network, "its upstream did not answer in time");
                let found = tokio::select! {
                    found = asking => found,
                    () = clock.sleep_until(until) => Err(late),
                };
                // Whoever asked may have left.
                let _ = answer.send(found);
            });
        });
        let lost =
            || Fault::new(FaultClass::Internal, "the look at its upstream met a defect of the gateway");
        answered.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl AccountBook {
    /// Keeps what a look found.
    async fn checked(
        &self,
        number: u64,
        found: Result<Checkup, Fault>,
        revive: Revive,
    ) -> Result<Report, Refused> {
        let problem = found.as_ref().err().map(|fault| fault.message.clone());
        if let Err(fault) = &found {
            tracing::info!(number, class = fault.class.name(), context = %fault.context, "an account does not work");
        }
        let before = self.get(number)?;
        let account = self.alter(number, move |account, now| conclude(account, found, revive, now)).await?;
        let switched = match (before.enabled, account.enabled) {
            (false, true) => Some(Switched::On),
            (true, false) => Some(Switched::Off),
            _ => None,
        };
        Ok(Report { account, problem, switched })
    }
}

/// Whether a fault tells something about the account, and not about the way to its upstream.
const fn is_conclusive(class: FaultClass) -> bool {
    matches!(
        class,
        FaultClass::Auth
            | FaultClass::Billing
            | FaultClass::NotEntitled
            | FaultClass::Invalid
            | FaultClass::Content
            | FaultClass::ModelGone
    )
}

/// What a look means for an account: pure.
fn conclude(account: &mut Account, found: Result<Checkup, Fault>, revive: Revive, now: Millis) {
    match found {
        Ok(checkup) => {
            take_in(account, checkup, now);
            let revived = match account.off {
                Some(Off::Manual) => revive == Revive::All,
                _ => true,
            };
            if !account.enabled && revived {
                turn(account, None);
            }
        }
        Err(fault) => {
            if is_conclusive(fault.class) {
                account.checked.at = Some(now);
            }
            account.checked.problem = Some(fault.message);
            if fault.class == FaultClass::Auth && account.enabled {
                turn(account, Some(Off::TokenInvalid));
            }
        }
    }
}

fn take_in(account: &mut Account, checkup: Checkup, now: Millis) {
    let Checkup { identity: Identity { email, username }, plan, quota, models, models_are_all, invites } =
        checkup;
    account.identity.email = email.or(account.identity.email.take());
    account.identity.username = username.or(account.identity.username.take());
    account.checked = Checked { at: Some(now), problem: None, plan, quota, invites };
    // A self-hosted engine has what it lists. A vendor lists names of its own, of which the catalogue knows more.
    let is_own = account.models_listed || account.models.is_empty();
    let is_whole = models_are_all || account.endpoint.base_url.is_some();
    if let Some(models) = models.filter(|_| is_own && is_whole) {
        account.models_listed = !models.is_empty();
        account.models = models;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use atelier_domain::{account::AccountModel, ids::AccountId, job::JobKind};
    use uuid::Uuid;

    fn account(off: Option<Off>) -> Account {
        let id = AccountId::from_uuid(Uuid::from_u128(1));
        let mut account = Account::new(id, 1, "openai", "mine", Millis(0));
        turn(&mut account, off);
        account
    }

    #[test]
    fn only_a_refused_credential_switches_off_and_only_certainty_counts_as_a_look() {
        for class in FaultClass::ALL {
            let mut account = account(None);
            conclude(&mut account, Err(Fault::new(class, "why")), Revive::All, Millis(7));
            assert_eq!(account.enabled, class != FaultClass::Auth, "{}", class.name());
            assert_eq!(account.checked.at.is_some(), is_conclusive(class), "{}", class.name());
            assert_eq!(account.checked.problem.as_deref(), Some("why"));
        }
    }

    #[test]
    fn what_works_is_revived_but_what_the_operator_switched_off_only_when_asked() {
        for (off, revive, on) in [
            (Off::Manual, Revive::ByFaults, false),
            (Off::Manual, Revive::All, true),
            (Off::TokenInvalid, Revive::ByFaults, true),
            (Off::ErrorLimit, Revive::ByFaults, true),
        ] {
            let mut account = account(Some(off));
            account.checked.problem = Some("old".into());
            conclude(&mut account, Ok(Checkup::default()), revive, Millis(7));
            assert_eq!((account.enabled, account.checked.problem), (on, None), "{off:?} {revive:?}");
        }
        let mut off_already = account(Some(Off::Manual));
        conclude(&mut off_already, Err(Fault::new(FaultClass::Auth, "x")), Revive::All, Millis(7));
        assert_eq!(off_already.off, Some(Off::Manual), "why it is off is not forgotten");
    }

    #[test]
    fn a_self_hosted_engine_serves_what_it_lists_and_the_operators_list_is_left_alone() {
        let listed = |name: &str| {
            let model = AccountModel { name: name.into(), upstream: None, kind: Some(JobKind::Image) };
            Ok(Checkup { models: Some(vec![model]), ..Checkup::default() })
        };
        let names = |account: &Account| account.models.iter().map(|m| m.name.clone()).collect::<Vec<_>>();
        let mut vendor = account(None);
        conclude(&mut vendor, listed("flux"), Revive::All, Millis(1));
        assert!(vendor.models.is_empty());
        let whole = listed("flux").map(|checkup| Checkup { models_are_all: true, ..checkup });
        conclude(&mut vendor, whole, Revive::All, Millis(1));
        assert!(vendor.models_listed && names(&vendor) == ["flux"]);
        let mut own = account(None);
        own.endpoint.base_url = Some("http://box:8000/v1".into());
        for name in ["flux", "flux-2"] {
            conclude(&mut own, listed(name), Revive::All, Millis(1));
            assert_eq!(names(&own), [name]);
        }
        own.models_listed = false;
        conclude(&mut own, listed("other"), Revive::All, Millis(1));
        assert_eq!(names(&own), ["flux-2"]);
    }
}
