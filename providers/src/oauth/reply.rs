//! What the vendor's answers mean. Pure.

use atelier_domain::{
    fault::{Fault, FaultClass},
    renewal::Renewal,
    secret::Secret,
    time::Millis,
};
use serde_json::Value;
use std::time::Duration;

/// What no token lives longer than, whatever is said.
const LONGEST_LIFE: Duration = Duration::from_secs(400 * 86_400);

/// The answer to a session token. A session that ended is a 200 with nothing in it.
pub(super) fn session(status: u16, body: &[u8]) -> Result<Renewal, Fault> {
    let said = serde_json::from_slice::<Value>(body);
    match (status, said) {
        (200, Ok(said)) => {
            let token = text(&said, "/accessToken")
                .ok_or_else(|| refused("a session without an access token", status))?;
            Ok(Renewal {
                token: Secret::new(token),
                refresh_token: None,
                // `expires` there is the session's end: the access token says its own.
                expires_at: None,
                email: text(&said, "/user/email").map(str::to_owned),
            })
        }
        (401, Ok(_)) => Err(refused("no session", status)),
        _ => Err(later(status)),
    }
}

/// The answer to a refresh token.
pub(super) fn refresh(status: u16, body: &[u8], now: Millis) -> Result<Renewal, Fault> {
    let said = serde_json::from_slice::<Value>(body);
    let token = said.as_ref().ok().and_then(|said| text(said, "/access_token"));
    match (status, said.as_ref(), token) {
        (200..=299, Ok(said), Some(token)) => Ok(Renewal {
            token: Secret::new(token),
            // Missing, the old one stays good; there, the old one is worth nothing any more.
            refresh_token: text(said, "/refresh_token").map(Secret::new),
            expires_at: said.get("expires_in").and_then(seconds).map(|life| now + life.min(LONGEST_LIFE)),
            email: text(said, "/email").map(str::to_owned),
        }),
        // It was used, and what it gave cannot be read.
        (200..=299, ..) => {
            let fault =
                Fault::new(FaultClass::UnknownOutcome, "the answer of the account's vendor cannot be read");
            Err(fault.with_context(format!("status {status} without an access token")))
        }
        (400..=403, Ok(said), _) if is_error(said) => Err(refused(&code(said), status)),
        _ => Err(later(status)),
    }
}

/// A refusal says so in JSON; a page is somebody else's, who stands between.
fn is_error(said: &Value) -> bool {
    ["error", "detail", "message", "code"].iter().any(|name| said.get(name).is_some())
}

/// The vendor's code: never its text, in which it may repeat the token.
fn code(said: &Value) -> String {
    let code = ["/error/code", "/error", "/code", "/detail/code"].iter().find_map(|place| text(said, place));
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    code.filter(|code| code.len() <= 60 && code.chars().all(|c| plain(&c))).unwrap_or("refused").to_owned()
}

fn refused(what: &str, status: u16) -> Fault {
    let fault = Fault::new(FaultClass::Auth, "the vendor refuses the session or refresh token");
    fault.with_context(format!("status {status}: {what}"))
}

fn later(status: u16) -> Fault {
    let class = if status == 429 { FaultClass::RateLimited } else { FaultClass::Overloaded };
    Fault::new(class, "the vendor gives no token right now").with_context(format!("status {status}"))
}

fn text<'a>(said: &'a Value, place: &str) -> Option<&'a str> {
    said.pointer(place).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Duration::try_from_secs_f64(seconds).ok()
}
