//! The engine of upstreams that speak OpenAI's API, against a simulated one.

use crate::subject::{Can, SECRET, Subject, Trouble};
use atelier_actors::SystemClock;
use atelier_domain::{
    account::{Account, AccountSecrets, Credential, Endpoint},
    engine::Engine,
    fault::FaultClass,
    secret::Secret,
    time::Millis,
};
use atelier_providers::{
    openai::{OpenAi, OpenAiConfig},
    outbound::{Outbound, OutboundConfig},
};
use atelier_sim::upstream::{Behaviour, Course, Op, Outcome, Reason, Setup, Upstream};
use std::sync::Arc;

pub struct OfOpenAi(Upstream);

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

/// A film that its upstream fails.
pub fn failing() -> Behaviour {
    let (code, message) = ("server_error".to_owned(), "The engine ran out of memory.".to_owned());
    Behaviour::Job(Course { end: Outcome::Failed, code, message, ..Course::default() })
}

/// The way out of every examined engine.
pub fn outbound() -> Arc<Outbound> {
    Arc::new(Outbound::new(OutboundConfig::default(), Arc::new(SystemClock)).unwrap())
}

impl Subject for OfOpenAi {
    const NAME: &'static str = "openai";
    const CAN: Can = Can {
        films: true,
        has_upstream: true,
        refusals: &[
            FaultClass::RateLimited,
            FaultClass::Concurrency,
            FaultClass::QuotaWindow,
            FaultClass::Billing,
            FaultClass::NotEntitled,
            FaultClass::Auth,
            FaultClass::Overloaded,
            FaultClass::Content,
            FaultClass::Invalid,
            FaultClass::ModelGone,
        ],
    };

    fn start() -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        upstream.account(SECRET);
        Self(upstream)
    }

    fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(OpenAi::new(OpenAiConfig::default(), outbound(), Arc::new(SystemClock)))
    }

    fn account(&self) -> Account {
        let credential = self.credential(SECRET);
        let mut account = Account::new(credential.account, 1, "openai", "a", Millis(0));
        account.endpoint = credential.endpoint;
        account
    }

    fn credential(&self, secret: &str) -> Credential {
        Credential {
            account: "acc_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            endpoint: Endpoint { base_url: Some(format!("{}/v1", self.0.origin())), dialect: None },
            secrets: Arc::new(AccountSecrets {
                token: Some(Secret::new(secret)),
                ..AccountSecrets::default()
            }),
            proxy: None,
        }
    }

    fn models(&self) -> (&'static str, &'static str) {
        ("gpt-image-2", "sora-2")
    }

    fn trouble(&self, trouble: Trouble) {
        let behaviour = match trouble {
            Trouble::Refused(class) => Behaviour::Refuse(reason(class).into()),
            Trouble::AnswerLost => Behaviour::AcceptThenReset,
        };
        self.0.account(SECRET).script(Op::SubmitImage, [behaviour]);
    }

    fn blind_poll(&self) {
        self.0.account(SECRET).script(Op::Poll, [Behaviour::Refuse(Reason::Overloaded.into())]);
    }

    fn fail_film(&self) {
        self.0.account(SECRET).script(Op::SubmitVideo, [failing()]);
    }

    fn submits(&self) -> u64 {
        let book = self.0.account(SECRET).book();
        book.arrived(Op::SubmitImage) + book.arrived(Op::SubmitVideo)
    }
}
