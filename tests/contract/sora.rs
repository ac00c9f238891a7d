//! The engine of servers that speak the wire of the Sora web application, against a simulated one.

use crate::simulated::{Simulated, outbound, reason, simulated};
use atelier_actors::SystemClock;
use atelier_domain::{engine::Engine, fault::FaultClass, size::Size, video::VideoSpec};
use atelier_providers::sora::{Sora, SoraConfig};
use std::{sync::Arc, time::Duration};

pub struct OfSora(Simulated);

const REFUSALS: &[FaultClass] = &[
    FaultClass::RateLimited,
    FaultClass::Concurrency,
    FaultClass::QuotaWindow,
    FaultClass::Auth,
    FaultClass::Overloaded,
    FaultClass::Content,
    FaultClass::Invalid,
];

simulated! { OfSora is "sora", refuses REFUSALS, starts Simulated::below("/backend"), by reason;
    fn engine(&self) -> Arc<dyn Engine> {
        let config = SoraConfig { poll_every: Duration::from_millis(2), ..SoraConfig::default() };
        Arc::new(Sora::new(config, outbound(), Arc::new(SystemClock), Arc::new(|| None)))
    }

    fn models(&self) -> (&'static str, &'static str) {
        ("sora-image", "sora-2")
    }

    fn film(&self) -> VideoSpec {
        VideoSpec::new("sora-2", "a lighthouse", Size::new(1280, 720), 10)
    }
}
