//! One renewal: grant by grant, what is handed in is noted before, and what comes back is kept before anybody sees it.

use super::{
    policy::{Ending, LEEWAY, Power},
    rows::{Kept, Note, Rows, grants, holds, is_another},
};
use crate::{account_book::Claims, refused::Refused};
use atelier_domain::{
    account::AccountSecrets,
    fault::{Fault, FaultClass},
    ids::AccountId,
    renewal::{Grant, Renewal, RenewalOrder, Renewer},
    secret::Secret,
    time::Millis,
};
use futures_util::future::{Either, select};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// How the gateway goes out when an account has no proxy of its own: asked for each call, since it may change or take turns.
pub type ProxyChooser = Arc<dyn Fn() -> Option<Secret> + Send + Sync>;

/// Longest kept word on what went wrong, in characters.
const LONGEST_PROBLEM: usize = 300;

const INTERRUPTED: &str = "refresh interrupted: a refresh token was handed in, its answer was lost, and now the token is refused; \
                           sign in again and give the account new tokens";

/// What renewals need.
#[derive(Clone)]
pub(super) struct Desk {
    pub rows: Rows,
    pub renewers: Arc<HashMap<String, Arc<dyn Renewer>>>,
    pub proxies: ProxyChooser,
    /// How long a vendor may take.
    pub timeout: Duration,
}

/// How a renewal ended, on disk and for the policy.
pub(super) enum Outcome {
    Ended {
        ending: Ending,
        /// The account as this renewal left it; none when the store failed.
        kept: Option<Box<Kept>>,
    },
    /// The account has other grants than the renewal began with, or is gone: it counts for nothing.
    Overtaken,
}

/// What the grants that were tried gave so far.
#[derive(Default)]
struct Tally {
    refused: Option<String>,
    trouble: Option<(String, Option<Millis>)>,
    /// A refresh token was handed in, and no answer came.
    unsure: bool,
    /// That had happened before.
    was_unsure: bool,
}

impl Desk {
    /// Renews the credential of an account. `spurned` is a token that the upstream refuses.
    pub(super) async fn renew(&self, id: AccountId, spurned: Option<Secret>) -> Outcome {
        match self.attempt(id, spurned).await {
            Ok(outcome) => outcome,
            Err(refused) => {
                tracing::error!(account_id = %id, %refused, "a renewal could not be kept");
                // That a refresh token was handed in is noted on disk.
                Outcome::Ended { ending: Ending::Trouble { retry_at: None, unsure: false }, kept: None }
            }
        }
    }

    async fn attempt(&self, id: AccountId, spurned: Option<Secret>) -> Result<Outcome, Refused> {
        let Some(kept) = self.rows.load(id)? else { return Ok(Outcome::Overtaken) };
        let Some(renewer) = self.renewers.get(&kept.account.engine) else { return Ok(Outcome::Overtaken) };
        let proxy = kept.secrets.proxy_url.clone().or_else(|| (self.proxies)());
        let mut known = kept.secrets.clone();
        // What was given up once is not forgotten because the operator asks again.
        let was_unsure = kept.note.begun.is_some() || kept.note.hopeless;
        let mut tally = Tally { was_unsure, ..Tally::default() };
        for grant in grants(&kept.secrets).into_iter().filter(|grant| renewer.takes(grant)) {
            let uses_up = matches!(grant, Grant::Refresh { .. });
            if uses_up && !self.note_begun(id, &grant).await? {
                return Ok(Outcome::Overtaken);
            }
            let order = RenewalOrder { grant: grant.clone(), proxy: proxy.clone() };
            match self.ask(renewer.clone(), order).await {
                Ok(renewal) => {
                    let serves = self.serves(&renewal, spurned.as_ref());
                    // A token that is of no use may still have cost the refresh token.
                    if serves || uses_up {
                        let Some(kept) = self.keep(id, &grant, &renewal, serves).await? else {
                            return Ok(Outcome::Overtaken);
                        };
                        if serves {
                            let ending = Ending::Renewed { ends: ends(&renewal) };
                            return Ok(Outcome::Ended { ending, kept: Some(Box::new(kept)) });
                        }
                        // It was taken, so nothing is unsure about it.
                        (known, tally.was_unsure) = (kept.secrets, false);
                    }
                    tally.refused = Some("the new access token has ended, or is refused as well".to_owned());
                }
                Err(fault) => {
                    let class = fault.class.name();
                    tracing::warn!(account_id = %id, class, context = %fault.context, "a grant gave no token");
                    tally.add(&fault, uses_up);
                }
            }
        }
        self.fail(id, &known, tally).await
    }

    /// Asks a vendor in a task of its own, so that a panic there is a failed try, and not for ever.
    pub(super) async fn ask(&self, renewer: Arc<dyn Renewer>, order: RenewalOrder) -> Result<Renewal, Fault> {
        let clock = &self.rows.clock;
        let call = actix_rt::spawn(renewer.renew(order));
        let abort = call.abort_handle();
        match select(call, clock.sleep_until(clock.now() + self.timeout)).await {
            Either::Left((Ok(answer), _)) => answer,
            Either::Left((Err(_), _)) => {
                Err(Fault::new(FaultClass::Internal, "the renewal was cut short by a defect of the gateway"))
            }
            Either::Right(_) => {
                abort.abort();
                Err(Fault::new(FaultClass::UnknownOutcome, "the vendor did not answer in time"))
            }
        }
    }

    /// Whether a token is worth keeping: it lasts for a while, and is not the one that was refused.
    fn serves(&self, renewal: &Renewal, spurned: Option<&Secret>) -> bool {
        let lasts = ends(renewal).is_none_or(|ends| self.rows.clock.now() + LEEWAY < ends);
        lasts && !renewal.token.is_empty() && spurned != Some(&renewal.token)
    }

    /// From here to the answer being kept, a crash leaves the mark that the refresh token may be used up.
    async fn note_begun(&self, id: AccountId, grant: &Grant) -> Result<bool, Refused> {
        let now = self.rows.clock.now();
        let grant = grant.clone();
        let begun = self.rows.change(id, move |kept| {
            kept.note.begun = kept.note.begun.or(Some(now));
            holds(&kept.secrets, &grant)
        });
        Ok(begun.await?.is_some())
    }

    /// Keeps what a vendor gave; an account that was off over its credential is on again. None when the account has other
    /// grants by now: then it is worth nothing.
    async fn keep(
        &self,
        id: AccountId,
        used: &Grant,
        renewal: &Renewal,
        serves: bool,
    ) -> Result<Option<Kept>, Refused> {
        let (now, used, renewal) = (self.rows.clock.now(), used.clone(), renewal.clone());
        let change = move |kept: &mut Kept| {
            if !holds(&kept.secrets, &used) {
                return false;
            }
            if let Some(token) = &renewal.refresh_token {
                kept.secrets.refresh_token = Some(token.clone());
            }
            kept.note.begun = None;
            if serves {
                kept.secrets.token = Some(renewal.token.clone());
                kept.note = Note { renewed_at: Some(now), ..Default::default() };
                kept.account.expires_at = ends(&renewal);
                let email = &mut kept.account.identity.email;
                *email = email
                    .take()
                    .or_else(|| renewal.email.clone())
                    .or_else(|| Claims::of(&renewal.token)?.email);
                if Power::of(&kept.account) == Power::OffByAuth {
                    (kept.account.enabled, kept.account.off) = (true, None);
                }
            }
            true
        };
        self.rows.change(id, change).await
    }

    /// Every grant was tried. What that means beyond a restart is noted.
    async fn fail(&self, id: AccountId, known: &AccountSecrets, tally: Tally) -> Result<Outcome, Refused> {
        let Tally { was_unsure, unsure, .. } = tally;
        let now = self.rows.clock.now();
        let (ending, problem) = match tally.trouble {
            Some((problem, retry_at)) => (Ending::Trouble { retry_at, unsure }, problem),
            None if was_unsure => (Ending::Refused, INTERRUPTED.to_owned()),
            None => (Ending::Refused, tally.refused.unwrap_or_default()),
        };
        let problem: String = problem.chars().take(LONGEST_PROBLEM).collect();
        let known = known.clone();
        let noted = self.rows.change(id, move |kept| {
            let note = &mut kept.note;
            match ending {
                Ending::Refused => (note.hopeless, note.begun) = (was_unsure, None),
                _ if was_unsure || unsure => note.begun = note.begun.or(Some(now)),
                _ => note.begun = None,
            }
            note.problem = Some(problem);
            // Of other grants it says nothing.
            !is_another(&known, &kept.secrets)
        });
        match noted.await? {
            Some(kept) => Ok(Outcome::Ended { ending, kept: Some(Box::new(kept)) }),
            None => Ok(Outcome::Overtaken),
        }
    }
}

impl Tally {
    fn add(&mut self, fault: &Fault, uses_up: bool) {
        match fault.class {
            FaultClass::Auth | FaultClass::Invalid => self.refused = Some(fault.message.clone()),
            class => {
                self.unsure |= uses_up && matches!(class, FaultClass::UnknownOutcome | FaultClass::Internal);
                self.trouble = Some((fault.message.clone(), fault.retry_at));
            }
        }
    }
}

/// When a token ends: as it says itself, or else as the vendor says.
fn ends(renewal: &Renewal) -> Option<Millis> {
    Claims::of(&renewal.token).and_then(|claims| claims.expires_at).or(renewal.expires_at)
}
