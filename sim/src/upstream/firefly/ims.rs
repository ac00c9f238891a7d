//! Tokens and profiles: for a client's id and secret, and for the cookie `ims_sid` of a session.

use super::refuse::refuse;
use crate::upstream::{
    asked::{Asked, Head},
    behaviour::Behaviour,
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Route, Stage, Who},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

/// What the paths are for.
pub fn route(stage: &Stage, head: &Head, segments: &[&str]) -> Option<Route> {
    let (op, who, answer): (Op, Who, super::Answer) = match (head.method.as_str(), segments) {
        ("POST", ["ims", "token", "v3"]) => (Op::Token, Who::InBody(client), token),
        ("POST", ["ims", "check", "v6", "token"]) => (Op::Session, session(stage, head), token),
        ("GET", ["ims", "profile", "v1"]) => (Op::Profile, bearer(stage, head), profile),
        _ => return None,
    };
    Some(Route { op, id: String::new(), who, answer })
}

fn client(stage: &Stage, asked: &Asked) -> Result<String, Box<Reply>> {
    let text = |name: &str| asked.text(name).unwrap_or_default();
    let owner = {
        let world = stage.world();
        world.accounts.with_client(text("client_id"), text("client_secret")).map(str::to_owned)
    };
    let is_right = text("grant_type") == "client_credentials" && !text("scope").is_empty();
    owner.filter(|_| is_right).ok_or_else(|| {
        Box::new(Reply::json(
            400,
            &json!({ "error": "invalid_client", "error_description": "no such client" }),
        ))
    })
}

fn session(stage: &Stage, head: &Head) -> Who {
    let cookie = head.cookie("ims_sid");
    let owner = cookie.and_then(|token| stage.world().accounts.with_session(token).map(str::to_owned));
    let none =
        json!({ "error": "ride_AdobeID_acct_actreq", "error_description": "session cookies are empty" });
    owner.map_or_else(|| Who::Stranger(Box::new(Reply::json(200, &none))), Who::Account)
}

fn bearer(stage: &Stage, head: &Head) -> Who {
    let now_ms = stage.clock.now_ms();
    let owner = head.bearer().and_then(|key| stage.world().accounts.opened_by(key, now_ms));
    owner.map_or_else(|| Who::Stranger(Box::new(refuse(stage, &Refusal::new(Reason::BadKey)))), Who::Account)
}

/// A new access token. It says in milliseconds, and as texts, how long it is good.
fn token(stage: &Stage, call: &Call) -> Reply {
    let now_ms = stage.clock.now_ms();
    let mut world = stage.world();
    let id = world.id("at");
    let ttl_s = world.accounts.of(&call.account, now_ms).token_ttl_s;
    let made_ms = if call.behaviour == Behaviour::StaleToken { now_ms - ttl_s * 1000 - 1 } else { now_ms };
    let claims = json!({
        "id": id, "user_id": format!("{}@AdobeID", call.account.len()), "type": "access_token",
        "created_at": made_ms.to_string(), "expires_in": (ttl_s * 1000).to_string(),
    });
    let token = format!(
        "{}.{}.c2lt",
        URL_SAFE_NO_PAD.encode(json!({ "alg": "RS256" }).to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    world.accounts.mint(&call.account, &token, made_ms + ttl_s * 1000);
    world.book.accepted(&call.account, call.op, None);
    Reply::json(200, &json!({ "access_token": token, "token_type": "bearer", "expires_in": ttl_s }))
}

fn profile(stage: &Stage, call: &Call) -> Reply {
    let email = stage.world().accounts.of(&call.account, stage.clock.now_ms()).email.clone();
    Reply::json(200, &json!({ "displayName": "Someone", "email": email, "userId": "1@AdobeID" }))
}
