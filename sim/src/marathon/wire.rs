//! The wires that the accounts of a marathon are spoken to in: how an account is added, what it makes, and what goes wrong there.

use super::cast::{Part, SOLO_MODEL};
use crate::upstream::{AccountSetup, Limits};
use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

/// One kind of upstream. The simulated one speaks all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Openai,
    Firefly,
    Sora,
}

impl Wire {
    /// All of them, in the order of [`super::Plan::accounts`].
    pub const ALL: [Self; 3] = [Self::Openai, Self::Firefly, Self::Sora];

    /// The engine at the gateway.
    pub const fn engine(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Firefly => "firefly",
            Self::Sora => "sora",
        }
    }

    /// Whether pictures, too, are jobs that are polled.
    pub const fn polls_pictures(self) -> bool {
        !matches!(self, Self::Openai)
    }

    /// Whether such an account loses its access token on the way, and has a refresh token for another.
    pub fn renews(self, part: Part) -> bool {
        part == Part::Solo || part == Part::Strict && self == Self::Sora
    }

    /// The account upstream.
    pub fn setup(self, part: Part, key: &str) -> AccountSetup {
        let limits = match part {
            Part::Broke => Limits { images: Some(0), videos: Some(0), ..Limits::default() },
            Part::Unentitled => Limits { ipm: Some(0), ..Limits::default() },
            _ => Limits::default(),
        };
        let refresh_token = self.renews(part).then(|| refresh_token(key));
        let of_client = |prefix: &str| (part == Part::Machine).then(|| format!("{prefix}-{key}"));
        let (client_id, client_secret) = (of_client("client"), of_client("secret"));
        AccountSetup { limits, refresh_token, client_id, client_secret, ..AccountSetup::default() }
    }

    /// The account as it is added to the gateway.
    pub fn account(self, part: Part, key: &str, origin: &str) -> Value {
        let mut account = json!({
            "provider": self.engine(),
            "name": format!("{part:?} {}", &key[12..key.len() - 17]),
            "token": key,
            "image_concurrency": 16,
            "video_concurrency": 32,
        });
        match self {
            Self::Openai => {
                account["base_url"] = Value::from(format!("{origin}/v1"));
                account["models"] = models(part);
            }
            Self::Firefly if part == Part::Machine => {
                account["client_id"] = Value::from(format!("client-{key}"));
                account["client_secret"] = Value::from(format!("secret-{key}"));
                account.as_object_mut().map(|account| account.remove("token"));
            }
            Self::Firefly => account["dialect"] = Value::from("web"),
            Self::Sora => account["base_url"] = Value::from(format!("{origin}/backend")),
        }
        if self.renews(part) {
            account["rt"] = Value::from(refresh_token(key));
        }
        account
    }

    /// A model for a picture, of those that its accounts have.
    pub fn picture(self, rng: &mut StdRng) -> &'static str {
        match (self, rng.random_range(0..3)) {
            (Self::Openai, _) | (Self::Firefly, 0) => "gpt-image-2",
            (Self::Firefly, 1) => "nano-banana-3",
            (Self::Firefly, _) => "firefly-image-4",
            (Self::Sora, _) => "sora-image",
        }
    }

    /// The seconds of a film.
    pub const fn seconds(self) -> &'static str {
        match self {
            Self::Openai | Self::Firefly => "4",
            Self::Sora => "10",
        }
    }
}

fn refresh_token(key: &str) -> String {
    format!("rt-{key}")
}

fn models(part: Part) -> Value {
    if part == Part::Solo {
        return json!([{ "name": SOLO_MODEL, "upstream": "gpt-image-2", "kind": "image" }]);
    }
    json!([{ "name": "gpt-image-2", "kind": "image" }, { "name": "sora-2", "kind": "video" }])
}

/// Settings that lead the engines to this upstream alone.
pub(super) fn settings(origin: &str) -> Vec<(&'static str, String)> {
    vec![
        ("TOKEN_REFRESH__TOKEN_URL", format!("{origin}/oauth/token")),
        ("SORA__POLL_INTERVAL", "0.2".to_owned()),
        ("FIREFLY__SERVICES_URL", origin.to_owned()),
        ("FIREFLY__WEB_URL", origin.to_owned()),
        ("FIREFLY__TOKEN_URL", format!("{origin}/ims/token/v3")),
        ("FIREFLY__CHECK_URL", format!("{origin}/ims/check/v6/token")),
        ("FIREFLY__PROFILE_URL", format!("{origin}/ims/profile/v1")),
        ("FIREFLY__BALANCE_URL", format!("{origin}/v1/credits/balance")),
        ("FIREFLY__POLL_INTERVAL", "0.2".to_owned()),
        ("FIREFLY__SORA_CALLS", "1000000".to_owned()),
    ]
}
