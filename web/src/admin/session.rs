//! Login and logout.

use super::audit::Notes;
use crate::{
    auth::{Admin, COOKIE, peer},
    body,
    gateway::Gateway,
    problem::Problem,
};
use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    cookie::{Cookie, SameSite, time::Duration},
    web::{self, Data},
};
use atelier_actors::admin_desk::SESSION_LENGTH;
use atelier_domain::code::Code;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// The longest login body, in bytes.
const LIMIT: usize = 16 << 10;

/// Who wants in.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct Login {
    /// The admin's name.
    username: String,
    /// The admin's password.
    password: String,
}

/// How a login went.
#[derive(Serialize, ToSchema)]
pub struct LoginAnswer {
    /// Whether the session is open.
    success: bool,
    /// For `Authorization: Bearer admin-…`.
    token: Option<String>,
    /// For people.
    message: String,
}

/// Open an admin session: a bearer token and a cookie, both for a day.
#[utoipa::path(post, path = "/api/login", tag = "admin: session", security(()), request_body = Login,
    responses((status = 200, description = "Open", body = LoginAnswer), (status = 401, description = "`invalid_credentials`; the error body with `success`, `token` and `message` beside it"),
        (status = 429, description = "`login_throttled`", body = crate::problem::ErrorBody)))]
pub async fn login(
    request: HttpRequest,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let mut fields = body::json_object(payload, LIMIT).await?;
    let (username, password) =
        (fields.text("username").unwrap_or_default(), fields.text("password").unwrap_or_default());
    fields.check()?;
    let peer = peer(&request);
    let notes = Notes::of(&request);
    let token = match gateway.desk.login(&peer, &username, &password).await {
        Ok(token) => token,
        Err(refused) if refused.code == Code::InvalidCredentials => {
            notes.knocked();
            return Ok(rejected(&refused.into()));
        }
        Err(refused) => return Err(refused.into()),
    };
    tracing::info!(%peer, "admin logged in");
    notes.by(&username);
    let secure = request.connection_info().scheme() == "https";
    let cookie = session_cookie(token.expose().to_owned(), secure);
    let answer = LoginAnswer {
        success: true,
        token: Some(token.expose().to_owned()),
        message: "logged in".to_owned(),
    };
    Ok(HttpResponse::Ok().cookie(cookie).json(answer))
}

/// The one error with more keys than the others: older clients read `success` (api.md §0).
fn rejected(problem: &Problem) -> HttpResponse {
    let mut body = problem.body();
    body["success"] = false.into();
    body["token"] = json!(null);
    body["message"] = body["error"]["message"].clone();
    HttpResponse::build(problem.status_code()).json(body)
}

fn session_cookie(token: String, secure: bool) -> Cookie<'static> {
    let length = Duration::seconds(i64::try_from(SESSION_LENGTH.as_secs()).unwrap_or(0));
    Cookie::build(COOKIE, token)
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Strict)
        .max_age(length)
        .finish()
}

/// Close the session that the request carries.
#[utoipa::path(post, path = "/api/logout", tag = "admin: session", responses((status = 200, description = "Closed")))]
pub async fn logout(admin: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    gateway.desk.logout(&admin.token).await?;
    let mut gone = Cookie::build(COOKIE, "").path("/").http_only(true).same_site(SameSite::Strict).finish();
    gone.make_removal();
    Ok(HttpResponse::Ok().cookie(gone).json(json!({ "success": true, "message": "logged out" })))
}
