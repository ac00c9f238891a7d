//! Pages of a key's jobs, in whatever shape they are shown.

use crate::{auth::Caller, gateway::Gateway, problem::Problem};
use atelier_actors::job_supervisor::Listed;
use atelier_domain::{job::Job, remix::Target};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Jobs of a page unless said otherwise, and at most.
const PAGE: usize = 20;
const LONGEST_PAGE: usize = 100;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Listing {
    /// What comes after this one.
    after: Option<String>,
    /// How many at most, up to 100.
    limit: Option<usize>,
    /// `desc` (newest first, the default) or `asc`.
    order: Option<String>,
}

/// A page.
pub struct Page {
    /// The jobs.
    pub jobs: Vec<Arc<Job>>,
    /// Whether there are more.
    pub has_more: bool,
}

/// The jobs of a page.
pub fn page(gateway: &Gateway, caller: &Caller, listed: Listed, asked: &Listing) -> Result<Page, Problem> {
    let newest_first = match asked.order.as_deref() {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(Problem::field("order", "order must be asc or desc")),
    };
    let after = asked.after.as_deref().filter(|after| !after.is_empty());
    let bad_after = || Problem::field("after", "after must be the id of what the page before ended with");
    let mut after =
        after.map(|after| Target::parse(after).ok_or_else(bad_after)).transpose()?.map(Target::job);
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let mut jobs = Vec::new();
    // One more than asked tells whether there are more.
    while jobs.len() <= limit {
        let found = gateway.jobs.list(caller.0.id, listed, (after, newest_first), limit + 1)?;
        let Some(last) = found.last() else { break };
        after = Some(last.id);
        jobs.extend(found.into_iter().filter(|job| gateway.shows(job)));
    }
    let has_more = jobs.len() > limit;
    jobs.truncate(limit);
    Ok(Page { jobs, has_more })
}
