//! What is asked: small pictures in every way that a client can ask for them, some with trouble built in.

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

/// How the answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// The call waits for the pictures.
    Wait,
    /// The call gets a job to poll.
    Background,
    /// Events.
    Stream,
}

/// How a job may end, besides by a cancel that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// With pictures.
    Success,
    /// With this code.
    Failure(&'static str),
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub manner: Manner,
    pub fate: Fate,
    pub n: u32,
    pub size: (u32, u32),
    /// Cancelled once it is acknowledged.
    pub cancel: bool,
    pub idempotency_key: Option<String>,
    pub body: Value,
}

/// Scripts that a prompt may carry, and where they lead.
const SCRIPTS: [(&str, Fate); 12] = [
    ("", Fate::Success),
    ("", Fate::Success),
    ("", Fate::Success),
    ("[[delay:120]]", Fate::Success),
    ("[[delay:400]]", Fate::Success),
    ("[[delay:1200]]", Fate::Success),
    ("[[fault:network*1]]", Fate::Success),
    ("[[fault:panic*1]]", Fate::Success),
    ("[[fault:content]]", Fate::Failure("content_policy_violation")),
    ("[[fault:job-lost]]", Fate::Failure("job_lost")),
    ("[[fault:unknown-outcome]]", Fate::Failure("submit_outcome_unknown")),
    ("[[delay:200]][[fault:invalid]]", Fate::Failure("upstream_rejected")),
];

impl Order {
    /// A random one, the `number`-th of the drill. `careful` ones can always be sent again.
    pub fn draw(rng: &mut StdRng, number: u64, careful: bool) -> Self {
        let manner =
            [Manner::Wait, Manner::Background, Manner::Background, Manner::Stream][rng.random_range(0..4)];
        let (script, fate) = SCRIPTS[rng.random_range(0..SCRIPTS.len())];
        let n = [1, 1, 1, 2, 3][rng.random_range(0..5)];
        let size = [(256, 256), (272, 256), (256, 320)][rng.random_range(0..3)];
        let format = ["png", "jpeg", "webp"][rng.random_range(0..3)];
        let response = if rng.random_bool(0.4) { "url" } else { "b64_json" };
        let mut body = json!({
            "model": "nano-banana", "prompt": format!("{script} order {number}"), "n": n,
            "size": format!("{}x{}", size.0, size.1), "output_format": format, "response_format": response,
        });
        match manner {
            Manner::Wait => {}
            Manner::Background => body["background"] = true.into(),
            Manner::Stream => {
                body["stream"] = true.into();
                body["partial_images"] = rng.random_range(0..3).into();
            }
        }
        let keyed = careful || rng.random_bool(0.25);
        Self {
            manner,
            fate,
            n,
            size,
            cancel: manner == Manner::Background && rng.random_bool(0.15),
            idempotency_key: keyed.then(|| format!("order-{number}")),
            body,
        }
    }

    /// What it costs when it succeeds: one credit for each of these small pictures.
    pub fn price(&self) -> i64 {
        i64::from(self.n)
    }
}
