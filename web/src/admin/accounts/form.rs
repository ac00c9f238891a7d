//! How the body of an account is read, under the names of older clients and ours.

use crate::{fields::Fields, gateway::Gateway, moment};
use actix_web::http::Uri;
use atelier_actors::account_book::{AccountDraft, LaneDraft};
use atelier_domain::{
    account::{AccountModel, AccountSecrets},
    job::JobKind,
    proxy,
    secret::Secret,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Longest secret, in bytes.
const LONGEST_SECRET: usize = 16 << 10;

/// Most models that an account lists.
const MOST_MODELS: usize = 500;

/// The engine that needs nothing to authenticate with.
const EMBEDDED: &str = "studio";

/// An account as it is given. On a change, what is left out stays as it is; "" takes a text away, and 0 a limit.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct AccountBody {
    /// The engine. Without it a token that begins with `eyJ` is `sora`'s, and one that begins with `sk-` is `openai`'s. Only on creation.
    provider: Option<String>,
    /// The access token or API key.
    token: Option<String>,
    /// The session token that access tokens are had for.
    st: Option<String>,
    /// The refresh token that access tokens are had for.
    rt: Option<String>,
    /// The client that the refresh token was given to.
    client_id: Option<String>,
    /// Its secret, for machine accounts.
    client_secret: Option<String>,
    /// Cookies, where an upstream wants some.
    cookie: Option<String>,
    /// The `OpenAI-Organization` of a key with several.
    organization: Option<String>,
    /// The `OpenAI-Project` of such a key.
    project: Option<String>,
    /// The proxy that it goes out through.
    proxy_url: Option<String>,
    /// The operator's name for it.
    name: Option<String>,
    /// Its address upstream.
    email: Option<String>,
    /// Its public name upstream.
    username: Option<String>,
    /// What the operator notes about it.
    remark: Option<String>,
    /// When its access token ends, where the token does not say so itself: a time as text, or seconds since the epoch.
    expiry_time: Option<String>,
    /// Whether attempts may use it (true).
    is_active: Option<bool>,
    /// Whether it takes images (true).
    image_enabled: Option<bool>,
    /// Whether it takes videos (true).
    video_enabled: Option<bool>,
    /// Images at once; −1 means no limit.
    image_concurrency: Option<i32>,
    /// Videos at once; −1 means no limit.
    video_concurrency: Option<i32>,
    /// Submits a minute; 0 means no limit.
    rpm: Option<u32>,
    /// Images a minute; 0 means no limit.
    ipm: Option<u32>,
    /// Start of its API, where an engine speaks to more than one.
    base_url: Option<String>,
    /// The profile of its dialect.
    dialect: Option<String>,
    /// The models that it serves: names, or `{name, upstream, kind}`.
    models: Option<Vec<Value>>,
    /// Whether its upstream is asked at once if it works (true). Only on creation.
    check: Option<bool>,
}

/// A secret's names in bodies, its own first, and its name in [`AccountSecrets`].
const SECRETS: [(&[&str], &str); 9] = [
    (&["token", "access_token", "api_key"], "token"),
    (&["st", "session_token"], "session_token"),
    (&["rt", "refresh_token"], "refresh_token"),
    (&["client_id"], "client_id"),
    (&["client_secret"], "client_secret"),
    (&["cookie"], "cookie"),
    (&["organization"], "organization"),
    (&["project"], "project"),
    (&["proxy_url"], "proxy_url"),
];

/// Reads an account. `current` is what a changed one has: a mask that comes back as it was shown changes nothing.
pub fn draft(gateway: &Gateway, fields: &mut Fields, current: Option<&AccountSecrets>) -> AccountDraft {
    let mut draft = AccountDraft {
        secrets: secrets(fields, current),
        name: text(fields, "name", 100).filter(|name| !name.is_empty()),
        email: optional(text(fields, "email", 320)),
        username: optional(text(fields, "username", 100)),
        remark: optional(text(fields, "remark", 1000)),
        expires_at: expiry(fields),
        enabled: fields.flag("is_active"),
        images: lane(fields, "image_enabled", "image_concurrency"),
        videos: lane(fields, "video_enabled", "video_concurrency"),
        rpm: limit(fields, "rpm"),
        ipm: limit(fields, "ipm"),
        base_url: base_url(fields),
        dialect: optional(text(fields, "dialect", 100)),
        models: models(gateway, fields),
        engine: String::new(),
    };
    if current.is_none() {
        draft.engine = engine(gateway, fields, &draft);
        complete(fields, &draft);
    } else if fields.has("provider") {
        fields.wrong("provider", "an account stays with its provider: add another account instead");
    }
    draft
}

fn text(fields: &mut Fields, name: &str, longest: usize) -> Option<String> {
    let text = fields.text(name)?.trim().to_owned();
    if text.chars().count() > longest || text.chars().any(|c| c.is_control() && c != '\n') {
        fields.wrong(name, format!("{name} may have {longest} visible characters at most"));
    }
    Some(text)
}

/// An empty text takes away what there was.
fn optional(text: Option<String>) -> Option<Option<String>> {
    text.map(|text| Some(text).filter(|text| !text.is_empty()))
}

fn limit(fields: &mut Fields, name: &str) -> Option<Option<u32>> {
    let number = fields.integer(name, 0..=1_000_000)?;
    Some(u32::try_from(number).ok().filter(|number| *number > 0))
}

fn lane(fields: &mut Fields, enabled: &str, slots: &str) -> LaneDraft {
    let enabled = fields.flag(enabled);
    let number = fields.integer(slots, -1..=100_000);
    if number == Some(0) {
        fields.wrong(slots, format!("{slots} must be −1 (no limit) or at least 1: `{enabled:?}` closes it"));
    }
    LaneDraft { enabled, slots: number.and_then(|number| i32::try_from(number).ok()) }
}

fn expiry(fields: &mut Fields) -> Option<Option<atelier_domain::time::Millis>> {
    let written = match fields.raw("expiry_time")? {
        Value::Number(number) => number.to_string(),
        _ => fields.text("expiry_time")?,
    };
    if written.trim().is_empty() {
        return Some(None);
    }
    let read = moment::read(&written);
    if read.is_none() {
        fields.wrong("expiry_time", "expiry_time must be a time such as 2026-12-31T23:59:59Z");
    }
    read.map(Some)
}

fn secrets(fields: &mut Fields, current: Option<&AccountSecrets>) -> Vec<(&'static str, Secret)> {
    let mut secrets = Vec::new();
    for (names, own) in SECRETS {
        let Some(name) = names.iter().find(|name| fields.has(name)) else { continue };
        let Some(given) = fields.text(name) else { continue };
        let given = Secret::new(given.trim());
        let kept = current.and_then(|current| current.each().find(|(name, _)| *name == own));
        let shown = |secret: &Secret| {
            if own == "proxy_url" { proxy::shown(secret) } else { secret.masked() }
        };
        if kept.is_some_and(|(_, kept)| shown(kept) == given.expose() || *kept == given) {
            continue;
        }
        if let Some(problem) = wrong_secret(own, &given) {
            fields.wrong(name, format!("{name}: {problem}"));
        }
        secrets.push((own, given));
    }
    secrets
}

/// What is wrong with a secret, without a word of it.
fn wrong_secret(own: &str, given: &Secret) -> Option<&'static str> {
    let text = given.expose();
    if text.is_empty() {
        return None;
    }
    if text.len() > LONGEST_SECRET {
        return Some("it is longer than 16 KiB");
    }
    if own == "proxy_url" {
        return if text.contains("***") { Some("stars are no password") } else { proxy::problem(given) };
    }
    // They travel in headers.
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() || (c == ' ' && own == "cookie"));
    (!is_plain)
        .then_some("it has spaces or other than ASCII characters in it (a mask cannot be sent back changed)")
}

fn base_url(fields: &mut Fields) -> Option<Option<String>> {
    let url = text(fields, "base_url", 2000)?;
    let url = url.trim_end_matches('/').to_owned();
    if url.is_empty() {
        return Some(None);
    }
    let parsed = url.parse::<Uri>().ok();
    let fits = parsed.is_some_and(|parsed| {
        let is_plain = parsed.authority().is_some_and(|whole| !whole.as_str().contains('@'));
        matches!(parsed.scheme_str(), Some("http" | "https")) && is_plain && parsed.query().is_none()
    });
    if !fits || url.contains('#') {
        fields.wrong(
            "base_url",
            "base_url must be http(s)://host with a path if needed, without user, query or fragment",
        );
    }
    Some(Some(url))
}

fn models(gateway: &Gateway, fields: &mut Fields) -> Option<Vec<AccountModel>> {
    let listed = fields.raw("models")?.clone();
    let read = |item: &Value| {
        let name = item.as_str().or(item["name"].as_str())?.trim();
        let kind = match item["kind"].as_str() {
            Some("image") => Some(JobKind::Image),
            Some("video") => Some(JobKind::Video),
            Some("text") => None,
            Some(_) => return None,
            None => Some(gateway.catalogue.get(name).map_or(JobKind::Image, |model| model.kind)),
        };
        let upstream = item["upstream"].as_str().map(str::to_owned).filter(|upstream| !upstream.is_empty());
        let fits =
            |text: &str| (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        (fits(name) && upstream.as_deref().is_none_or(fits)).then(|| AccountModel {
            name: name.to_owned(),
            upstream,
            kind,
        })
    };
    let items = listed.as_array().filter(|items| items.len() <= MOST_MODELS);
    let models = items.and_then(|items| items.iter().map(read).collect::<Option<Vec<_>>>());
    if models.is_none() {
        let message = "models must be a list of names or {name, upstream, kind: image, video or text}";
        fields.wrong("models", format!("{message}, {MOST_MODELS} at most"));
    }
    models
}

fn given<'a>(draft: &'a AccountDraft, own: &str) -> Option<&'a Secret> {
    draft.secrets.iter().find(|(name, _)| *name == own).map(|(_, secret)| secret).filter(|s| !s.is_empty())
}

/// The engine that is named, or that the token looks like.
fn engine(gateway: &Gateway, fields: &mut Fields, draft: &AccountDraft) -> String {
    let named = fields.filled("provider").map(|name| name.trim().to_ascii_lowercase());
    let guessed = given(draft, "token").and_then(|token| match token.expose() {
        text if text.starts_with("eyJ") => Some("sora".to_owned()),
        text if text.starts_with("sk-") => Some("openai".to_owned()),
        _ => None,
    });
    let here = gateway.checkups.engines();
    let Some(engine) = named.or(guessed) else {
        let message =
            format!("provider must be said, since the token does not tell it: one of {}", here.join(", "));
        fields.wrong("provider", message);
        return String::new();
    };
    if !here.contains(&engine.as_str()) {
        let shown: String = engine.chars().take(40).collect();
        fields.wrong("provider", format!("there is no engine {shown:?} here, but {}", here.join(", ")));
    }
    engine
}

/// A new account needs something to authenticate with, unless its engine does not or its upstream is the operator's own.
fn complete(fields: &mut Fields, draft: &AccountDraft) {
    let renewable = ["session_token", "refresh_token", "client_secret", "cookie"];
    let has_any = ["token"].iter().chain(&renewable).any(|own| given(draft, own).is_some());
    if !has_any && draft.engine != EMBEDDED && draft.base_url.clone().flatten().is_none() {
        fields.wrong("token", "token is missing, and there is no st, rt or client_secret to have one for");
    }
    if given(draft, "client_secret").is_some() && given(draft, "client_id").is_none() {
        fields.wrong("client_id", "client_id is missing beside client_secret");
    }
}
