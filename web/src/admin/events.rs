//! What changes, as it changes: jobs, accounts and balances as server-sent events, for pages that show them.

use super::jobs;
use crate::{
    auth::Admin,
    gateway::Gateway,
    openai::follow::ping,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Bytes, Data},
};
use atelier_actors::bulletin::{Change, Heard, Listener, Numbered};
use atelier_domain::code::Code;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// A silent stream is broken by proxies; and a session that is over must not be told anything for longer.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Streams at once.
const MOST: usize = 64;

static PLACES: std::sync::LazyLock<Arc<Semaphore>> =
    std::sync::LazyLock::new(|| Arc::new(Semaphore::new(MOST)));

/// One who is told.
struct Audience {
    gateway: Data<Gateway>,
    listener: Listener,
    /// The session that asked: it must still be open.
    token: String,
    /// Sets the numbers of this process apart from those of others.
    epoch: i64,
    begun: bool,
    heartbeat_at: Instant,
    _place: OwnedSemaphorePermit,
}

/// Jobs, accounts and balances as they change: events `job`, `account`, `account.deleted` and `balance`. `reset` says that some were missed:
/// then what is shown must be read anew. Send `Last-Event-ID` to hear what came since, as browsers do by themselves. The stream ends with
/// its session.
#[utoipa::path(get, path = "/api/events", tag = "admin: jobs", params(("last-event-id" = Option<String>, Header, description = "The last event that was heard")),
    responses((status = 200, description = "Server-sent events", content_type = "text/event-stream"), (status = 503, description = "`queue_full`: too many listen already", body = ErrorBody)))]
pub async fn follow(
    admin: Admin,
    request: HttpRequest,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let full = |_| Problem::new(Code::QueueFull, format!("{MOST} listen already: close some of them"));
    let place = PLACES.clone().try_acquire_owned().map_err(full)?;
    let epoch = gateway.started_at.0;
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    // An event of an earlier process is a gap, as a number that was never given.
    let after = last.map(|last| match last.split_once('-') {
        Some((of, number)) if of == epoch.to_string() => number.parse().unwrap_or(u64::MAX),
        _ => u64::MAX,
    });
    let audience = Audience {
        listener: gateway.bulletin.listen(after),
        gateway,
        token: admin.token.clone(),
        epoch,
        begun: false,
        heartbeat_at: Instant::now() + HEARTBEAT,
        _place: place,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events(audience)))
}

fn events(audience: Audience) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(audience, async |mut audience| {
        let bytes = audience.next().await?;
        Some((Ok(bytes), audience))
    })
}

impl Audience {
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            // Sends the headers on their way before there is anything to say.
            return Some(Bytes::from_static(b"retry: 3000\n\n"));
        }
        let mut closing = self.gateway.closing.clone();
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => None,
            // Due at its time, however much there is to tell: the session is looked at then.
            () = tokio::time::sleep_until(self.heartbeat_at) => {
                self.heartbeat_at = Instant::now() + HEARTBEAT;
                let is_open = matches!(self.gateway.desk.session(&self.token), Ok(Some(_)));
                is_open.then(ping)
            }
            heard = self.listener.next() => heard.map(|heard| self.told(&heard)),
        }
    }

    fn told(&self, heard: &Heard) -> Bytes {
        match heard {
            Heard::Missed => event("reset", &json!({ "missed": true }), None),
            Heard::Change(Numbered { number, change }) => {
                let (name, data) = self.data(change);
                event(name, &data, Some(format!("{}-{number}", self.epoch)))
            }
        }
    }

    fn data(&self, change: &Change) -> (&'static str, Value) {
        match change {
            Change::Job(job) => ("job", json!(jobs::view(&self.gateway, job))),
            Change::Account(id) => match self.gateway.accounts.find(*id) {
                Some(account) => (
                    "account",
                    json!({
                        "id": account.number, "account_id": account.id, "provider": account.engine, "name": account.name,
                        "is_active": account.enabled, "disabled_reason": account.off.map(|off| off.word()),
                        "problem": account.checked.problem,
                    }),
                ),
                None => ("account.deleted", json!({ "account_id": id })),
            },
            Change::AccountGone(id) => ("account.deleted", json!({ "account_id": id })),
            Change::Balance(key) => {
                // As it is when it is told: never older than the change.
                let balance = self.gateway.ledger.balance(*key).ok();
                let (available, held) = balance.map_or((None, None), |b| (Some(b.available), Some(b.held)));
                ("balance", json!({ "key": key, "balance": available, "held": held, "currency": "credits" }))
            }
        }
    }
}

fn event(name: &str, data: &Value, id: Option<String>) -> Bytes {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!("{id}event: {name}\ndata: {data}\n\n"))
}
