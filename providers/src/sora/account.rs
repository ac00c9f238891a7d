//! What an account needs before it can make anything: an accepted invitation, and a user name.

use super::upstream::{Upstream, unreadable};
use crate::openai::Asked;
use atelier_domain::{
    engine::ClaimedUsername,
    fault::{Fault, FaultClass},
    username::Username,
};
use serde_json::{Value, json};

/// Names that are tried.
const TRIES: usize = 5;

/// Accepts an invitation, and says whether one was accepted before.
///
/// # Errors
/// Why it was not accepted.
pub(super) async fn accept(upstream: &Upstream, code: &str) -> Result<bool, Fault> {
    let body = json!({ "invite_code": code });
    let said = upstream.tell("/project_y/invite/accept", &body, Asked::Look).await?;
    let flag = |name: &str| said.get(name).and_then(Value::as_bool);
    if flag("success") == Some(false) {
        return Err(Fault::new(FaultClass::Invalid, "the engine does not take this invitation"));
    }
    Ok(flag("already_accepted").unwrap_or(false))
}

/// Sees to it that the account has a user name: the one that it has, or one out of words.
///
/// # Errors
/// Why it has none.
pub(super) async fn claim(upstream: &Upstream) -> Result<ClaimedUsername, Fault> {
    let me = upstream.look("/me").await?;
    if let Some(username) = name(&me) {
        return Ok(ClaimedUsername { username, already_set: true });
    }
    for _ in 0..TRIES {
        let wanted = json!({ "username": Username::of_words(rand::random()).as_str() });
        let free = upstream.tell("/project_y/profile/username/check", &wanted, Asked::Look).await;
        let is_free = match free {
            Ok(said) => said.get("available").and_then(Value::as_bool).unwrap_or(false),
            // A name that is refused is as good as taken; anything else would be said of every name.
            Err(fault) if fault.class == FaultClass::Invalid => false,
            Err(fault) => return Err(fault),
        };
        if is_free {
            let said = upstream.tell("/project_y/profile/username/set", &wanted, Asked::Look).await?;
            let username =
                name(&said).ok_or_else(|| unreadable(Asked::Look, "a profile without a name".into()))?;
            return Ok(ClaimedUsername { username, already_set: false });
        }
    }
    Err(Fault::new(FaultClass::Overloaded, "the engine has taken all names that were tried: try again"))
}

fn name(said: &Value) -> Option<String> {
    said.get("username").and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned)
}
