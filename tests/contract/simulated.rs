//! An account at a simulated upstream: what all engines that ask somebody else are examined with.

use crate::subject::{SECRET, Trouble};
use atelier_actors::SystemClock;
use atelier_domain::{
    account::{Account, AccountSecrets, Credential, Endpoint},
    fault::FaultClass,
    secret::Secret,
    time::Millis,
};
use atelier_providers::outbound::{Outbound, OutboundConfig};
use atelier_sim::upstream::{AccountSetup, Behaviour, Course, Op, Outcome, Reason, Setup, Upstream};
use std::sync::Arc;

/// The upstream, and how its account is configured.
pub struct Simulated {
    pub upstream: Upstream,
    pub endpoint: Endpoint,
    /// Of an account that is a client's own.
    pub client_id: Option<&'static str>,
}

/// The way out of every examined engine.
pub fn outbound() -> Arc<Outbound> {
    Arc::new(Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap())
}

/// How the upstream says it.
pub fn reason(class: FaultClass) -> Reason {
    match class {
        FaultClass::RateLimited => Reason::RateLimited,
        FaultClass::Concurrency => Reason::Concurrency,
        FaultClass::QuotaWindow => Reason::DailyLimit,
        FaultClass::Billing => Reason::InsufficientQuota,
        FaultClass::NotEntitled => Reason::NotEntitled,
        FaultClass::Auth => Reason::BadKey,
        FaultClass::Overloaded => Reason::Overloaded,
        FaultClass::Content => Reason::ModerationBlocked,
        FaultClass::Invalid => Reason::Invalid,
        FaultClass::ModelGone => Reason::ModelNotFound,
        other => panic!("no upstream says {other:?}"),
    }
}

impl Simulated {
    /// An upstream of its own, and the account there. `endpoint` is told where it is.
    pub fn start(client_id: Option<&'static str>, endpoint: impl FnOnce(&str) -> Endpoint) -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        let setup = AccountSetup { client_id: client_id.map(str::to_owned), ..AccountSetup::default() };
        upstream.put(SECRET, setup);
        let endpoint = endpoint(&upstream.origin());
        Self { upstream, endpoint, client_id }
    }

    /// With its API below this path.
    pub fn below(path: &str) -> Self {
        Self::start(None, |origin| Endpoint { base_url: Some(format!("{origin}{path}")), dialect: None })
    }

    pub fn account(&self, engine: &str) -> Account {
        let credential = self.credential(SECRET);
        let mut account = Account::new(credential.account, 1, engine, "a", Millis(0));
        account.endpoint = credential.endpoint;
        account
    }

    pub fn credential(&self, secret: &str) -> Credential {
        let secrets = AccountSecrets {
            token: Some(Secret::new(secret)),
            client_id: self.client_id.map(Secret::new),
            ..AccountSecrets::default()
        };
        let account = "acc_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap();
        Credential { account, endpoint: self.endpoint.clone(), secrets: Arc::new(secrets), proxy: None }
    }

    /// Makes the next submit of an image go wrong; a refusal is said for this reason.
    pub fn trouble(&self, trouble: Trouble, reason: impl FnOnce(FaultClass) -> Reason) {
        let behaviour = match trouble {
            Trouble::Refused(class) => Behaviour::Refuse(reason(class).into()),
            Trouble::AnswerLost => Behaviour::AcceptThenReset,
        };
        self.script(Op::SubmitImage, behaviour);
    }

    pub fn blind_poll(&self) {
        self.script(Op::Poll, Behaviour::Refuse(Reason::Overloaded.into()));
    }

    pub fn fail_film(&self) {
        let (code, message) = ("server_error".to_owned(), "The engine ran out of memory.".to_owned());
        let failing = Course { end: Outcome::Failed, code, message, ..Course::default() };
        self.script(Op::SubmitVideo, Behaviour::Job(failing));
    }

    fn script(&self, op: Op, behaviour: Behaviour) {
        self.upstream.account(SECRET).script(op, [behaviour]);
    }

    pub fn submits(&self) -> u64 {
        let book = self.upstream.account(SECRET).book();
        book.arrived(Op::SubmitImage) + book.arrived(Op::SubmitVideo)
    }
}

/// A subject over a simulated upstream, of a tuple struct whose first field is [`Simulated`]: `engine`, `models` and whatever differs are
/// given, the rest is this.
macro_rules! simulated {
    ($subject:ident is $name:literal, refuses $refusals:expr, starts $start:expr, by $reason:path; $($own:item)+) => {
        impl crate::subject::Subject for $subject {
            const NAME: &'static str = $name;
            const CAN: crate::subject::Can =
                crate::subject::Can { films: true, has_upstream: true, refusals: $refusals };

            fn start() -> Self {
                Self($start)
            }

            fn account(&self) -> atelier_domain::account::Account {
                self.0.account($name)
            }

            fn credential(&self, secret: &str) -> atelier_domain::account::Credential {
                self.0.credential(secret)
            }

            fn trouble(&self, trouble: crate::subject::Trouble) {
                self.0.trouble(trouble, $reason);
            }

            fn blind_poll(&self) {
                self.0.blind_poll();
            }

            fn fail_film(&self) {
                self.0.fail_film();
            }

            fn submits(&self) -> u64 {
                self.0.submits()
            }

            $($own)+
        }
    };
}

pub(crate) use simulated;
