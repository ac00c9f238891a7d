//! The engine of servers that speak the wire of the Sora web application, against a simulated one.

use crate::{
    openai::{failing, outbound},
    subject::{Can, SECRET, Subject, Trouble, film},
};
use atelier_actors::SystemClock;
use atelier_domain::{
    account::{Account, AccountSecrets, Credential, Endpoint},
    engine::Engine,
    fault::FaultClass,
    secret::Secret,
    time::Millis,
    video::VideoSpec,
};
use atelier_providers::sora::{Sora, SoraConfig};
use atelier_sim::upstream::{Behaviour, Op, Reason, Setup, Upstream};
use std::{sync::Arc, time::Duration};

pub struct OfSora(Upstream);

impl Subject for OfSora {
    const NAME: &'static str = "sora";
    const CAN: Can = Can {
        films: true,
        has_upstream: true,
        refusals: &[
            FaultClass::RateLimited,
            FaultClass::Concurrency,
            FaultClass::QuotaWindow,
            FaultClass::Auth,
            FaultClass::Overloaded,
            FaultClass::Content,
            FaultClass::Invalid,
        ],
    };

    fn start() -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        upstream.account(SECRET);
        Self(upstream)
    }

    fn engine(&self) -> Arc<dyn Engine> {
        let config = SoraConfig { poll_every: Duration::from_millis(2), ..SoraConfig::default() };
        Arc::new(Sora::new(config, outbound(), Arc::new(SystemClock), Arc::new(|| None)))
    }

    fn account(&self) -> Account {
        let credential = self.credential(SECRET);
        let mut account = Account::new(credential.account, 1, "sora", "a", Millis(0));
        account.endpoint = credential.endpoint;
        account
    }

    fn credential(&self, secret: &str) -> Credential {
        Credential {
            account: "acc_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            endpoint: Endpoint { base_url: Some(format!("{}/backend", self.0.origin())), dialect: None },
            secrets: Arc::new(AccountSecrets {
                token: Some(Secret::new(secret)),
                ..AccountSecrets::default()
            }),
            proxy: None,
        }
    }

    fn models(&self) -> (&'static str, &'static str) {
        ("sora-image", "sora-2")
    }

    fn film(&self) -> VideoSpec {
        VideoSpec { seconds: 10, ..film("sora-2") }
    }

    fn trouble(&self, trouble: Trouble) {
        let behaviour = match trouble {
            Trouble::Refused(class) => Behaviour::Refuse(crate::openai::reason(class).into()),
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
