//! The engine of Adobe Firefly, both flavours, against a simulated one.

use crate::simulated::{self, Simulated, outbound, simulated};
use atelier_actors::SystemClock;
use atelier_domain::{account::Endpoint, engine::Engine, fault::FaultClass, size::Size, video::VideoSpec};
use atelier_providers::firefly::{Firefly, FireflyConfig};
use atelier_sim::upstream::Reason;
use std::{sync::Arc, time::Duration};

/// Firefly Services, opened by a client's own credentials.
pub struct OfServices(Simulated);

/// The web back end, opened by an account's token.
pub struct OfWeb(Simulated);

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
        // A quota of an account's free calls, which fills again by itself.
        FaultClass::QuotaWindow => Reason::InsufficientQuota,
        FaultClass::Invalid => Reason::Unprocessable,
        other => simulated::reason(other),
    }
}

fn start(dialect: &str, client_id: Option<&'static str>) -> Simulated {
    Simulated::start(client_id, |_| Endpoint { base_url: None, dialect: Some(dialect.to_owned()) })
}

fn engine(simulated: &Simulated) -> Arc<dyn Engine> {
    let origin = simulated.upstream.origin();
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

simulated! { OfServices is "firefly", refuses REFUSALS, starts start("services", Some(CLIENT)), by reason;
    fn engine(&self) -> Arc<dyn Engine> {
        engine(&self.0)
    }

    fn models(&self) -> (&'static str, &'static str) {
        ("firefly-image-4", "firefly-video-1")
    }

    fn film(&self) -> VideoSpec {
        VideoSpec::new("firefly-video-1", "a lighthouse", Size::new(1280, 720), 5)
    }
}

simulated! { OfWeb is "firefly", refuses REFUSALS, starts start("web", None), by reason;
    fn engine(&self) -> Arc<dyn Engine> {
        engine(&self.0)
    }

    fn models(&self) -> (&'static str, &'static str) {
        ("gpt-image-2", "sora-2")
    }
}
