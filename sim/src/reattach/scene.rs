//! What stands before the first kill: an upstream with slow films and slow pictures, and a gateway that has its accounts and knows
//! two keys.

use super::ReattachError;
use crate::{
    operator::{self, Key},
    process::Setup,
    upstream::{self, AccountHandle, Behaviour, Chance, Course, Mix, Op, Upstream},
};
use serde_json::json;
use std::time::Duration;

/// Accounts at the upstream.
const ACCOUNTS: usize = 4;

/// What the gateway lets each of them do at once, of pictures and of films.
const PICTURES_AT_ONCE: u64 = 2;
const FILMS_AT_ONCE: u64 = 6;

/// The most submits that can be under way when the gateway is killed.
pub(super) const MOST_UNDERWAY: u64 = ACCOUNTS as u64 * (PICTURES_AT_ONCE + FILMS_AT_ONCE);

/// Credit of each key: more than a drill can cost.
const CREDITS: i64 = 10_000_000;

const ADMIN_PASSWORD: &str = "reattach-admin-password";
const FIRST_KEY: &str = "sk-reattach-first-key-0123456789";

/// Everybody but the crowd.
pub(super) struct Scene {
    pub upstream: Upstream,
    /// Names of the accounts at the upstream, which are their keys.
    pub accounts: Vec<String>,
    pub keys: Vec<Key>,
}

impl Scene {
    /// Starts the upstream, and the gateway once, undisturbed.
    pub async fn set(setup: &Setup, patience: Duration, seed: u64) -> Result<Self, ReattachError> {
        let upstream = Upstream::start(upstream::Setup::default())?;
        let mut gateway = setup.start(patience).await?;
        let admin = admin(&gateway.client()).await.map_err(ReattachError::Unfit)?;
        let mut scene = Self { upstream, accounts: Vec::new(), keys: Vec::new() };
        for number in 0..ACCOUNTS {
            let name = format!("sk-upstream-{number}-{seed:016x}");
            perform(&scene.upstream.account(&name), seed.wrapping_add(number as u64));
            let account = json!({
                "provider": "openai",
                "name": format!("account {number}"),
                "token": name,
                "base_url": format!("{}/v1", scene.upstream.origin()),
                "models": [{ "name": "gpt-image-2", "kind": "image" }, { "name": "sora-2", "kind": "video" }],
                "image_concurrency": PICTURES_AT_ONCE,
                "video_concurrency": FILMS_AT_ONCE,
            });
            operator::account(&admin, &account).await.map_err(ReattachError::Unfit)?;
            scene.accounts.push(name);
        }
        for name in ["first", "second"] {
            scene.keys.push(operator::key(&admin, name, CREDITS).await.map_err(ReattachError::Unfit)?);
        }
        gateway.terminate(patience).await?;
        Ok(scene)
    }
}

/// The gateway's settings: nothing draws at home, looks are frequent, no job runs out of time.
pub(super) fn settings(setup: Setup) -> Setup {
    [
        ("GLOBAL__API_KEY", FIRST_KEY),
        ("GLOBAL__ADMIN_PASSWORD", ADMIN_PASSWORD),
        ("STUDIO__ENABLED", "false"),
        ("OPENAI__POLL_INTERVAL", "0.15"),
        ("POOL__ERROR_BAN_THRESHOLD", "1000"),
        ("GENERATION__IMAGE_TIMEOUT", "600"),
        ("GENERATION__VIDEO_TIMEOUT", "600"),
        ("JOBS__RETENTION_S", "86400"),
        ("LOG__LEVEL", "warn"),
    ]
    .into_iter()
    .fold(setup, |setup, (key, value)| setup.set(key, value))
}

/// A client with a session of the admin.
pub(super) async fn admin(root: &crate::client::Client) -> Result<crate::client::Client, String> {
    operator::admin(root, ADMIN_PASSWORD).await
}

/// Nothing fails, so that every end but `completed` is the kill's. Everything takes its time, so that kills hit it: a submit before it
/// is accepted and after it, a film under way, a result half brought home.
fn perform(account: &AccountHandle, seed: u64) {
    let mix = |of: Vec<(f64, Behaviour)>| {
        let of = of.into_iter().map(|(p, act)| Chance { p, act }).collect();
        Mix { seed, of }
    };
    account.mix(
        Op::SubmitImage,
        mix(vec![
            (0.3, Behaviour::Ok.after_ms(100)),
            (0.3, Behaviour::Ok.after_ms(350)),
            (0.3, Behaviour::Drip { ms: 40 }),
        ]),
    );
    let films = [(1, 100), (2, 300), (3, 500), (4, 800)];
    let film = |(polls, takes_ms)| Behaviour::Job(Course { polls, takes_ms, ..Course::default() });
    let soon = films.iter().map(|course| (0.15, film(*course)));
    let late = films.iter().map(|course| (0.08, film(*course).after_ms(120)));
    account.mix(Op::SubmitVideo, mix(soon.chain(late).collect()));
    account.usually(Op::SubmitVideo, Behaviour::Drip { ms: 40 });
    account.mix(Op::Poll, mix(vec![(0.2, Behaviour::Ok.after_ms(60))]));
    account
        .mix(Op::Content, mix(vec![(0.3, Behaviour::Drip { ms: 20 }), (0.3, Behaviour::Ok.after_ms(100))]));
}
