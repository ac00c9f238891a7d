//! The engine of upstreams that speak OpenAI's API, against a simulated one.

use crate::simulated::{Simulated, outbound, reason, simulated};
use atelier_actors::SystemClock;
use atelier_domain::{engine::Engine, fault::FaultClass};
use atelier_providers::openai::{OpenAi, OpenAiConfig};
use std::sync::Arc;

pub struct OfOpenAi(Simulated);

const REFUSALS: &[FaultClass] = &[
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
];

simulated! { OfOpenAi is "openai", refuses REFUSALS, starts Simulated::below("/v1"), by reason;
    fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(OpenAi::new(OpenAiConfig::default(), outbound(), Arc::new(SystemClock)))
    }

    fn models(&self) -> (&'static str, &'static str) {
        ("gpt-image-2", "sora-2")
    }
}
