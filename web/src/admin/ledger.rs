//! The books: the journal, and its proof.

use crate::{
    auth::Admin,
    gateway::Gateway,
    native::credits::{self, EntryView},
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use atelier_domain::ids::KeyId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Entries on one page at most, and when nobody says.
const MOST: usize = 500;
const USUAL: usize = 100;

/// What a verification found.
#[derive(Serialize, ToSchema)]
pub struct VerdictView {
    /// Whether nothing is wrong.
    ok: bool,
    /// Entries read.
    entries: u64,
    /// Accounts with a balance.
    accounts: u64,
    /// Accounts whose kept balance differs from their entries.
    drift: Vec<DriftView>,
    /// What else is wrong.
    problems: Vec<String>,
    /// The hash of the last entry.
    head: String,
}

/// One account that drifted.
#[derive(Serialize, ToSchema)]
pub struct DriftView {
    /// The account.
    account: String,
    /// What its row says.
    kept: i64,
    /// What its entries say.
    computed: i64,
}

/// Prove the books from the entries alone. Exact while jobs come and go: credit stands still for the last moment of the proof.
#[utoipa::path(get, path = "/api/ledger/verify", tag = "admin: ledger", responses((status = 200, description = "What was found", body = VerdictView)))]
pub async fn verify(_: Admin, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let verdict = gateway.ledger.verify().await?;
    let drift = |d: &atelier_actors::credit_ledger::Drift| DriftView {
        account: d.account.clone(),
        kept: d.kept,
        computed: d.computed,
    };
    Ok(HttpResponse::Ok().json(VerdictView {
        ok: verdict.is_ok(),
        entries: verdict.entries,
        accounts: verdict.accounts,
        drift: verdict.drift.iter().map(drift).collect(),
        problems: verdict.problems,
        head: verdict.head,
    }))
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// Of this key only.
    key: Option<String>,
    /// How many, 1 to 500 (100).
    limit: Option<usize>,
    /// Only those before this number: `last_id` of the page before.
    before: Option<u64>,
}

/// An entry of the journal, from the side of its key.
#[derive(Serialize, ToSchema)]
pub struct JournalView {
    /// The entry.
    #[serde(flatten)]
    entry: EntryView,
    /// Whose credit it is about.
    key: String,
}

/// A page of the journal, latest first.
#[derive(Serialize, ToSchema)]
pub struct Journal {
    /// Always `list`.
    object: &'static str,
    /// The entries.
    data: Vec<JournalView>,
    /// Whether older ones follow.
    has_more: bool,
    /// What to send as `before` for them.
    last_id: Option<u64>,
}

/// The journal: every movement of credit, latest first. Nothing in it is ever changed or removed.
#[utoipa::path(get, path = "/api/ledger/entries", tag = "admin: ledger", params(Page),
    responses((status = 200, description = "A page", body = Journal), (status = 422, description = "`bad_key`, `bad_limit`", body = ErrorBody)))]
pub async fn entries(_: Admin, gateway: Data<Gateway>, page: Query<Page>) -> Result<HttpResponse, Problem> {
    let limit = page.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::field("limit", format!("limit must be 1 to {MOST}")));
    }
    let key = page.key.as_deref().map(str::parse::<KeyId>).transpose();
    let mut entries = match key.map_err(|_| Problem::field("key", "key must be the id of an API key"))? {
        Some(key) => gateway.ledger.statement(key, page.before, limit + 1)?,
        None => gateway.ledger.journal(page.before, limit + 1)?,
    };
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let view = |numbered: &atelier_actors::credit_ledger::Numbered| JournalView {
        entry: credits::view(numbered.entry.key, numbered),
        key: numbered.entry.key.to_string(),
    };
    let last_id = entries.last().map(|numbered| numbered.seq);
    let data = entries.iter().map(view).collect();
    Ok(HttpResponse::Ok().json(Journal { object: "list", data, has_more, last_id }))
}
