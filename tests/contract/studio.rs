//! The embedded engine: nobody is upstream.

use crate::subject::{Can, Subject, Trouble};
use atelier_actors::SystemClock;
use atelier_domain::{
    account::{Account, Credential},
    engine::Engine,
    fault::FaultClass,
    image::ImageSpec,
    size::Size,
    time::Millis,
};
use atelier_providers::studio::{Studio, StudioConfig};
use std::sync::{Arc, Mutex};

pub struct OfStudio {
    /// What its prompts have it do, once.
    script: Mutex<Option<String>>,
}

impl Subject for OfStudio {
    const NAME: &'static str = "studio";
    const CAN: Can = Can {
        films: true,
        has_upstream: false,
        refusals: &[
            FaultClass::RateLimited,
            FaultClass::Concurrency,
            FaultClass::Content,
            FaultClass::Auth,
            FaultClass::Billing,
            FaultClass::NotEntitled,
            FaultClass::Overloaded,
            FaultClass::Invalid,
        ],
    };

    fn start() -> Self {
        Self { script: Mutex::default() }
    }

    fn engine(&self) -> Arc<dyn Engine> {
        let config =
            StudioConfig { latency_ms: 0, faults: true, render_threads: 2, ..StudioConfig::default() };
        Arc::new(Studio::new(config, Arc::new(SystemClock)).unwrap())
    }

    fn account(&self) -> Account {
        Account::new(self.credential("").account, 1, "studio", "a", Millis(0))
    }

    fn credential(&self, _: &str) -> Credential {
        Credential::bare("acc_0191b2c3d4e57f60a1b2c3d4e5f60718".parse().unwrap())
    }

    fn models(&self) -> (&'static str, &'static str) {
        ("gpt-image-2", "sora-2")
    }

    fn trouble(&self, trouble: Trouble) {
        let Trouble::Refused(class) = trouble else { panic!("no answer of its own is ever lost") };
        *self.script.lock().unwrap() = Some(format!("[[fault:{}]] a lighthouse", class.name()));
    }

    fn blind_poll(&self) {
        panic!("its polls ask nobody");
    }

    fn fail_film(&self) {
        panic!("nobody else films for it");
    }

    fn submits(&self) -> u64 {
        0
    }

    fn image(&self) -> ImageSpec {
        let prompt = self.script.lock().unwrap().take().unwrap_or_else(|| "a lighthouse".into());
        ImageSpec::new("gpt-image-2", prompt, Size::new(256, 256))
    }
}
