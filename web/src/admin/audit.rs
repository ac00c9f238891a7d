//! What administrators did: written by the one middleware that every request passes, so that no handler can forget it, and listed.

use crate::{
    auth::{Admin, peer},
    gateway::Gateway,
    observe::RequestId,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
    web::{Data, Query},
};
use atelier_actors::audit_trail::{Deed, NewDeed};
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, rc::Rc};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Deeds on one page at most, and when nobody says.
const MOST: usize = 1_000;
const USUAL: usize = 100;

/// Longest note, in characters.
const LONGEST_NOTE: usize = 300;

/// What is noted of a request while it is handled.
#[derive(Default)]
struct Noted {
    who: Option<String>,
    is_deed: bool,
    note: Option<String>,
}

/// Where a handler notes what is worth knowing afterwards.
#[derive(Clone, Default)]
pub struct Notes(Rc<RefCell<Noted>>);

impl Notes {
    /// The notes of this request.
    pub fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_default()
    }

    /// An administrator asks for this.
    pub fn by(&self, username: &str) {
        let mut noted = self.0.borrow_mut();
        (noted.who, noted.is_deed) = (Some(username.to_owned()), true);
    }

    /// Somebody tried to become one.
    pub fn knocked(&self) {
        self.0.borrow_mut().is_deed = true;
    }

    /// Something worth knowing. Never a secret.
    pub fn note(&self, note: impl Into<String>) {
        self.0.borrow_mut().note = Some(note.into().chars().take(LONGEST_NOTE).collect());
    }
}

/// The middleware: what an administrator changed, or tried to, is written down before it is answered.
pub async fn record<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || !request.path().starts_with("/api/") {
        return next.call(request).await;
    }
    let notes = Notes::default();
    request.extensions_mut().insert(notes.clone());
    let response = next.call(request).await?;
    let noted = notes.0.take();
    if let (true, Some(gateway)) = (noted.is_deed, response.request().app_data::<Data<Gateway>>().cloned()) {
        let deed = deed(response.request(), response.status().as_u16(), noted);
        if let Err(refused) = gateway.audit.record(deed).await {
            // It is done: the log has it, with the request's id.
            tracing::error!(%refused, "a deed is missing in the audit trail");
        }
    }
    Ok(response)
}

fn deed(request: &HttpRequest, status: u16, noted: Noted) -> NewDeed {
    let target: Vec<_> = request.match_info().iter().map(|(_, value)| value).collect();
    let pattern = request.match_pattern().unwrap_or_default();
    NewDeed {
        who: noted.who,
        action: format!("{} {pattern}", request.method()),
        target: (!target.is_empty()).then(|| target.join("/").chars().take(200).collect()),
        note: noted.note,
        from: peer(request),
        status,
        request_id: RequestId::of(request),
    }
}

/// Which deeds.
#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// How many, 1 to 1000 (100).
    limit: Option<usize>,
    /// Only those before this one: the last of the page before.
    before: Option<String>,
}

/// One deed.
#[derive(Serialize, ToSchema)]
pub struct DeedView {
    /// Which one.
    id: String,
    /// Always `audit.entry`.
    object: &'static str,
    /// When, in seconds since the epoch.
    created_at: i64,
    /// The administrator; null for a login that failed.
    who: Option<String>,
    /// Method and path.
    #[schema(example = "POST /api/tokens/{id}/disable")]
    action: String,
    /// What stood in the path.
    target: Option<String>,
    /// What else is worth knowing.
    note: Option<String>,
    /// The address that it came from.
    from: String,
    /// The status of the answer: whether it was done.
    status: u16,
    /// The request, for the log.
    request_id: String,
}

/// Deeds, latest first.
#[derive(Serialize, ToSchema)]
pub struct DeedList {
    /// Always `list`.
    object: &'static str,
    /// The deeds.
    data: Vec<DeedView>,
    /// Whether older ones follow.
    has_more: bool,
}

fn view(deed: Deed) -> DeedView {
    let Deed { id, at, who, action, target, note, from, status, request_id } = deed;
    let created_at = at.seconds();
    DeedView { id, object: "audit.entry", created_at, who, action, target, note, from, status, request_id }
}

/// What administrators did, latest first. Logins are among it; what only reads is not. Kept for 400 days.
#[utoipa::path(get, path = "/api/audit", tag = "admin: figures", params(Page),
    responses((status = 200, description = "The deeds", body = DeedList), (status = 422, description = "`bad_limit`, `bad_before`", body = ErrorBody)))]
pub async fn list(_: Admin, gateway: Data<Gateway>, page: Query<Page>) -> Result<HttpResponse, Problem> {
    let limit = page.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::field("limit", format!("limit must be 1 to {MOST}")));
    }
    let before = page.before.as_deref().map(Uuid::try_parse).transpose();
    let before = before.map_err(|_| Problem::field("before", "before must be an id of this list"))?;
    let mut deeds = gateway.audit.list(before, limit + 1)?;
    let has_more = deeds.len() > limit;
    deeds.truncate(limit);
    let data = deeds.into_iter().map(view).collect();
    Ok(HttpResponse::Ok().json(DeedList { object: "list", data, has_more }))
}
