//! Session and refresh tokens changed into access tokens for the operator, who may then add them. Nothing of it is kept here.

use crate::{
    auth::Admin,
    body,
    gateway::Gateway,
    moment,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{self, Data},
};
use atelier_domain::{renewal::Grant, secret::Secret};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Whose vendor is asked: both kinds of token are OpenAI's.
const ENGINE: &str = "sora";

/// A session token.
#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct SessionToken {
    /// The session token (ST).
    st: String,
}

/// A refresh token.
#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct RefreshToken {
    /// The refresh token (RT). It is used up by this: the answer has the one that takes its place.
    rt: String,
    /// The client that it was given to, when that is not the usual one.
    client_id: Option<String>,
}

/// An access token, this once.
#[derive(Serialize, ToSchema)]
pub struct Converted {
    /// Always true.
    success: bool,
    /// For people.
    message: &'static str,
    /// The access token.
    access_token: String,
    /// The refresh token that takes the place of the one that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// In how many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
}

async fn given(
    payload: web::Payload,
    gateway: &Gateway,
    name: &str,
) -> Result<(Secret, Option<Secret>), Problem> {
    let mut fields = body::json_object(payload, gateway.limits.json_body).await?;
    let text = |value: Option<Value>| value.as_ref().and_then(Value::as_str).map(str::trim).map(Secret::new);
    let token = text(fields.take(name)).filter(|token| !token.is_empty());
    let client = text(fields.take("client_id")).filter(|client| !client.is_empty());
    let token = token.ok_or_else(|| Problem::field(name, format!("{name} must be the token")))?;
    Ok((token, client))
}

async fn converted(gateway: &Gateway, grant: Grant, message: &'static str) -> Result<HttpResponse, Problem> {
    let renewal = gateway.keeper.convert(ENGINE, grant).await?;
    let now = gateway.clock.now();
    Ok(HttpResponse::Ok().json(Converted {
        success: true,
        message,
        access_token: renewal.token.expose().to_owned(),
        refresh_token: renewal.refresh_token.map(|token| token.expose().to_owned()),
        email: renewal.email,
        expires: renewal.expires_at.map(moment::text),
        expires_in: renewal.expires_at.map(|end| end.since(now).as_secs()),
    }))
}

/// Change a session token into an access token.
#[utoipa::path(post, path = "/api/tokens/st2at", tag = "admin: accounts", request_body = SessionToken,
    responses((status = 200, description = "The access token", body = Converted), (status = 400, description = "`token_refused`", body = ErrorBody),
        (status = 422, description = "`bad_st`", body = ErrorBody), (status = 504, description = "`submit_network`: the vendor cannot be reached", body = ErrorBody)))]
pub async fn session(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (token, _) = given(payload, &gateway, "st").await?;
    converted(&gateway, Grant::Session(token), "ST converted to AT successfully").await
}

/// Change a refresh token into an access token.
#[utoipa::path(post, path = "/api/tokens/rt2at", tag = "admin: accounts", request_body = RefreshToken,
    responses((status = 200, description = "The access token, and the refresh token that follows", body = Converted),
        (status = 400, description = "`token_refused`", body = ErrorBody), (status = 422, description = "`bad_rt`", body = ErrorBody),
        (status = 504, description = "`submit_network`: the vendor cannot be reached", body = ErrorBody)))]
pub async fn refresh(
    _: Admin,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (token, client_id) = given(payload, &gateway, "rt").await?;
    converted(&gateway, Grant::Refresh { token, client_id }, "RT converted to AT successfully").await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_answer_leaves_out_what_the_vendor_did_not_say() {
        let bare = Converted {
            success: true,
            message: "m",
            access_token: "a".into(),
            refresh_token: None,
            email: None,
            expires: None,
            expires_in: None,
        };
        assert_eq!(json!(bare), json!({ "success": true, "message": "m", "access_token": "a" }));
    }
}
