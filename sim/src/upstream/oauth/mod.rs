//! Where access tokens come from: a session cookie or a refresh token is changed into one, which then opens the account on every
//! other wire. Refresh tokens rotate: each is good once.

mod jwt;

use super::{
    asked::{Asked, Head},
    behaviour::Behaviour,
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Route, Stage, Who, Wire},
};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

/// This wire.
pub const WIRE: Wire = Wire { route, refuse };

/// The cookie of a session.
const COOKIE: &str = "__Secure-next-auth.session-token";

/// How long a session is good, in seconds.
const SESSION_S: u64 = 90 * 86_400;

fn route(stage: &Stage, head: &Head) -> Option<Route> {
    match (head.method.as_str(), head.path.as_str()) {
        ("GET", "/api/auth/session") => {
            let cookie = head.cookie(COOKIE);
            let owner =
                cookie.and_then(|token| stage.world().accounts.with_session(token).map(str::to_owned));
            // A session that is not good is no error there: the answer is just null.
            let who =
                owner.map_or_else(|| Who::Stranger(Box::new(Reply::json(200, &Value::Null))), Who::Account);
            Some(Route { op: Op::Session, id: String::new(), who, answer: session })
        }
        ("POST", "/oauth/token") => {
            Some(Route { op: Op::Token, id: String::new(), who: Who::InBody(owner), answer: token })
        }
        _ => None,
    }
}

fn owner(stage: &Stage, asked: &Asked) -> Result<String, Box<Reply>> {
    let world = stage.world();
    let owner = asked.text("refresh_token").and_then(|token| world.accounts.with_refresh(token));
    let grant = asked.text("grant_type") == Some("refresh_token");
    match owner {
        Some(owner) if grant => Ok(owner.to_owned()),
        _ => Err(Box::new(refuse(stage, &Refusal::new(Reason::InvalidGrant)))),
    }
}

fn refuse(_: &Stage, refusal: &Refusal) -> Reply {
    let terms = refusal.reason.terms();
    let body = if refusal.reason == Reason::InvalidGrant {
        json!({"error": "invalid_grant", "error_description": refusal.text()})
    } else {
        let error = json!({"message": refusal.text(), "type": terms.kind, "param": null, "code": terms.code});
        json!({"error": error})
    };
    Reply::refusal(refusal, &body)
}

/// A new access token of the account, and how long it is good, in seconds.
fn mint(stage: &Stage, call: &Call) -> (String, u64, String) {
    let now_s = stage.clock.now_s();
    let mut world = stage.world();
    let id = world.id("at");
    let account = world.accounts.of(&call.account, now_s * 1000);
    let (email, ttl) = (account.email.clone(), account.token_ttl_s);
    let expires = if call.behaviour == Behaviour::StaleToken { now_s - 60 } else { now_s + ttl };
    let token = jwt::mint(&jwt::Claims { id, email: email.clone(), issued: now_s, expires });
    world.accounts.mint(&call.account, &token, expires * 1000);
    world.book.accepted(&call.account, call.op, None);
    (token, ttl, email)
}

fn session(stage: &Stage, call: &Call) -> Reply {
    let (token, _, email) = mint(stage, call);
    let expires = i64::try_from(stage.clock.now_s() + SESSION_S).unwrap_or(i64::MAX);
    let expires = DateTime::from_timestamp(expires, 0).unwrap_or_default();
    Reply::json(
        200,
        &json!({
            "user": {"id": "user-000000000000000000000000", "name": "Someone", "email": email, "image": null, "idp": "auth0"},
            "expires": expires.to_rfc3339_opts(SecondsFormat::Millis, true),
            "accessToken": token,
        }),
    )
}

fn token(stage: &Stage, call: &Call) -> Reply {
    let given = call.asked.text("refresh_token").unwrap_or_default().to_owned();
    let rotated = {
        let mut world = stage.world();
        let next = world.id("rt");
        let account = world.accounts.of(&call.account, stage.clock.now_ms());
        let of_client =
            account.client_id.as_deref().is_none_or(|id| call.asked.text("client_id") == Some(id));
        if account.refresh_token.as_deref() == Some(given.as_str()) && of_client {
            account.spent_tokens.insert(given);
            account.refresh_token = Some(next.clone());
            Some(next)
        } else {
            None
        }
    };
    let Some(next) = rotated else { return refuse(stage, &Refusal::new(Reason::InvalidGrant)) };
    let (token, ttl, _) = mint(stage, call);
    Reply::json(
        200,
        &json!({"access_token": token, "refresh_token": next, "expires_in": ttl, "token_type": "Bearer"}),
    )
}
