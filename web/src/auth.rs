//! Who asks: extractors that a handler cannot get around. [`Caller`] is the owner of an API key, [`Admin`] an open session.

use crate::{admin::audit::Notes, gateway::Gateway, problem::Problem};
use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{Method, header},
    web::Data,
};
use atelier_domain::{code::Code, key::ApiKey};
use std::{
    future::{Ready, ready},
    sync::Arc,
};

/// The name of the session cookie.
pub const COOKIE: &str = "atelier_session";

/// The owner of the API key that the request carries.
pub struct Caller(pub Arc<ApiKey>);

/// The admin, by token or by cookie.
pub struct Admin {
    /// The token of the session, to close it.
    pub token: String,
    notes: Notes,
}

impl Admin {
    /// Notes something worth knowing of what is done, for the audit trail. Never a secret.
    pub fn note(&self, note: impl Into<String>) {
        self.notes.note(note);
    }
}

/// Where a request comes from: the address of its connection, since a header could name any.
pub fn peer(request: &HttpRequest) -> String {
    request.peer_addr().map_or_else(|| "unknown".to_owned(), |address| address.ip().to_string())
}

/// The token of an `Authorization: Bearer` header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn gateway(request: &HttpRequest) -> Result<&Gateway, Problem> {
    let gateway = request.app_data::<Data<Gateway>>().map(|data| data.get_ref());
    gateway.ok_or_else(|| Problem::new(Code::InternalError, "the gateway is not wired"))
}

fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    let header = request.headers().get("x-api-key").and_then(|value| value.to_str().ok());
    let Some(secret) = bearer(request).or(header) else {
        return Err(Problem::new(
            Code::InvalidKey,
            "no API key was sent: add the header `Authorization: Bearer sk-…`",
        ));
    };
    let wrong = || Problem::new(Code::InvalidKey, "this API key is unknown, expired or switched off");
    gateway(request)?.keys.authenticate(secret).map(Caller).ok_or_else(wrong)
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request))
    }
}

/// Whether a browser sent this from one of our own pages.
fn is_same_origin(request: &HttpRequest) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    origin.split_once("://").map(|(_, rest)| rest) == host
}

fn admin(request: &HttpRequest) -> Result<Admin, Problem> {
    let (token, by_cookie) = match (bearer(request), request.cookie(COOKIE)) {
        (Some(token), _) => (token.to_owned(), false),
        (None, Some(cookie)) => (cookie.value().to_owned(), true),
        (None, None) => {
            return Err(Problem::new(
                Code::InvalidSession,
                "this needs an admin session: POST /api/login opens one",
            ));
        }
    };
    if by_cookie && !matches!(*request.method(), Method::GET | Method::HEAD) && !is_same_origin(request) {
        return Err(Problem::new(
            Code::WrongOrigin,
            "a cookie session may only write from the gateway's own pages",
        ));
    }
    match gateway(request)?.desk.session(&token)? {
        Some(username) => {
            let notes = Notes::of(request);
            notes.by(&username);
            Ok(Admin { token, notes })
        }
        None => Err(Problem::new(Code::InvalidSession, "the admin session is unknown or over: log in again")),
    }
}

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admin(request))
    }
}
