//! The engine of Adobe Firefly, both flavours, against a simulated one.

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
use atelier_providers::firefly::{Firefly, FireflyConfig};
use atelier_sim::upstream::{AccountSetup, Behaviour, Op, Reason, Setup, Upstream};
use std::{sync::Arc, time::Duration};

const CLIENT: &str = "client-of-the-examined-account";

const REFUSALS: &[FaultClass] = &[
    FaultClass::RateLimited,
    FaultClass::QuotaWindow,
    FaultClass::NotEntitled,
    FaultClass::Auth,
    FaultClass::Overloaded,
    FaultClass::Content,
    FaultClass::Invalid,
];

/// How this upstream says it.
fn reason(class: FaultClass) -> Reason {
    match class {
        // A quota of an account's free calls, which is another's matter to fill.
        FaultClass::QuotaWindow => Reason::InsufficientQuota,
        FaultClass::Invalid => Reason::Unprocessable,
        other => crate::openai::reason(other),
    }
}

/// One account, in one flavour.
struct Simulated {
    upstream: Upstream,
    dialect: &'static str,
}

impl Simulated {
    fn start(dialect: &'static str, client: Option<&str>) -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        let setup = AccountSetup { client_id: client.map(str::to_owned), ..AccountSetup::default() };
        upstream.put(SECRET, setup);
        Self { upstream, dialect }
    }

    fn engine(&self) -> Arc<dyn Engine> {
        let origin = self.upstream.origin();
        let config = FireflyConfig {
            services_url: origin.clone(),
            web_url: origin.clone(),
            token_url: format!("{origin}/ims/token/v3"),
            check_url: format!("{origin}/ims/check/v6/token"),
            profile_url: format!("{origin}/ims/profile/v1"),
            balance_url: format!("{origin}/v1/credits/balance"),
            poll_every: Duration::from_millis(1),
            ..FireflyConfig::default()
        };
        Arc::new(Firefly::new(config, outbound(), Arc::new(SystemClock)))
    }

    fn account(&self) -> Account {
        let credential = self.credential(SECRET, None);
        let mut account = Account::new(credential.account, 1, "firefly", "a", Millis(0));
        account.endpoint = credential.endpoint;
        account
    }

    fn credential(&self, secret: &str, client: Option<&str>) -> Credential {
        Credential {
            account: "acc_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap(),
            endpoint: Endpoint { base_url: None, dialect: Some(self.dialect.to_owned()) },
            secrets: Arc::new(AccountSecrets {
                token: Some(Secret::new(secret)),
                client_id: client.map(Secret::new),
                ..AccountSecrets::default()
            }),
            proxy: None,
        }
    }

    fn trouble(&self, trouble: Trouble) {
        let behaviour = match trouble {
            Trouble::Refused(class) => Behaviour::Refuse(reason(class).into()),
            Trouble::AnswerLost => Behaviour::AcceptThenReset,
        };
        self.upstream.account(SECRET).script(Op::SubmitImage, [behaviour]);
    }

    fn blind_poll(&self) {
        let down = Behaviour::Refuse(Reason::Overloaded.into());
        self.upstream.account(SECRET).script(Op::Poll, [down]);
    }

    fn fail_film(&self) {
        self.upstream.account(SECRET).script(Op::SubmitVideo, [failing()]);
    }

    fn submits(&self) -> u64 {
        let book = self.upstream.account(SECRET).book();
        book.arrived(Op::SubmitImage) + book.arrived(Op::SubmitVideo)
    }
}

macro_rules! subject {
    ($(#[$doc:meta])* $name:ident, $dialect:literal, $client:expr, $models:expr, $seconds:literal) => {
        $(#[$doc])*
        pub struct $name(Simulated);

        impl Subject for $name {
            const NAME: &'static str = "firefly";
            const CAN: Can = Can { films: true, has_upstream: true, refusals: REFUSALS };

            fn start() -> Self {
                Self(Simulated::start($dialect, $client))
            }

            fn engine(&self) -> Arc<dyn Engine> {
                self.0.engine()
            }

            fn account(&self) -> Account {
                self.0.account()
            }

            fn credential(&self, secret: &str) -> Credential {
                self.0.credential(secret, $client)
            }

            fn models(&self) -> (&'static str, &'static str) {
                $models
            }

            fn film(&self) -> VideoSpec {
                VideoSpec { seconds: $seconds, ..film($models.1) }
            }

            fn trouble(&self, trouble: Trouble) {
                self.0.trouble(trouble);
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
        }
    };
}

subject! {
    /// Firefly Services, opened by a client's own credentials.
    OfServices, "services", Some(CLIENT), ("firefly-image-4", "firefly-video-1"), 5
}

subject! {
    /// The web back end, opened by an account's token.
    OfWeb, "web", None, ("gpt-image-2", "sora-2"), 4
}
