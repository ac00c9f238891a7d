//! The book: what the server was asked and what it acknowledged. Nothing in it is ever taken back.

use super::order::{Fate, Order};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// So many violations are told; more are only counted.
const TOLD: usize = 50;

/// A state that ends a job.
pub(super) fn is_terminal(status: &str) -> bool {
    matches!(status, "succeeded" | "failed" | "cancelled")
}

/// One acknowledged job.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Index of the key in the terms.
    pub key: usize,
    pub order: Order,
    /// The job was asked to end, acknowledged or not.
    pub cancel_sent: bool,
    /// The end that was seen, as [`digest`] sees it; from then on it may not change.
    pub end: Option<End>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub status: String,
    pub code: Option<String>,
    pub digest: String,
}

/// An order that carries an Idempotency-Key, whether or not it was answered.
#[derive(Debug, Clone)]
pub(super) struct Keyed {
    pub key: usize,
    pub order: Order,
    /// The job that answered for it the first time.
    pub job: Option<String>,
}

/// A top-up that was sent: its reason is unique.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub key: usize,
    pub reason: String,
    pub amount: i64,
    pub acknowledged: bool,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub jobs: BTreeMap<String, Entry>,
    /// Acknowledged jobs whose end was not seen yet.
    pub open: BTreeSet<String>,
    pub keyed: Vec<Keyed>,
    pub grants: Vec<Grant>,
    pub orders: u64,
    pub unanswered: u64,
    pub refused: BTreeMap<String, u64>,
    pub killed_loaded: u32,
    pub killed_starting: u32,
    pub checks: u64,
    pub pictures: u64,
    pub replays: u64,
    /// Jobs that clients never heard of, found in the journal.
    pub unheard: u64,
    pub charged: i64,
    pub violations: Vec<String>,
    pub untold: u64,
}

impl Book {
    /// The number of a new order.
    pub fn number(&mut self) -> u64 {
        self.orders += 1;
        self.orders
    }

    /// Something is wrong.
    pub fn violation(&mut self, what: String) {
        if self.violations.len() < TOLD {
            self.violations.push(what);
        } else {
            self.untold += 1;
        }
    }

    /// Something was checked.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.violation(what());
        }
    }

    /// The server named the job of an order: from now on it must exist.
    pub fn acknowledge(&mut self, key: usize, order: &Order, job: &str) {
        if let Some(known) = self.jobs.get(job) {
            let same = known.key == key && known.order.body == order.body;
            self.check(same, || format!("{job} answers for two different orders"));
            return;
        }
        let entry = Entry { key, order: order.clone(), cancel_sent: false, end: None };
        self.jobs.insert(job.to_owned(), entry);
        self.open.insert(job.to_owned());
    }

    /// A view of a job was seen.
    pub fn saw(&mut self, job: &str, view: &Value) {
        let status = view["status"].as_str().unwrap_or_default().to_owned();
        let Some(entry) = self.jobs.get_mut(job) else { return };
        let code = view["error"]["code"].as_str().map(str::to_owned);
        let end = is_terminal(&status).then(|| End { status, code, digest: digest(view) });
        let Some(end) = end else {
            if let Some(known) = &entry.end {
                let what = format!("{job} had ended as {} and is {} again", known.status, view["status"]);
                self.violation(what);
            }
            return;
        };
        match &entry.end {
            Some(known) => {
                let what = (*known != end).then(|| format!("{job} ended twice: {known:?}, then {end:?}"));
                self.check(what.is_none(), || what.unwrap_or_default());
            }
            None => {
                let (verdict, price) = (judge(entry, &end, view), entry.order.price());
                entry.end = Some(end);
                self.open.remove(job);
                self.check(verdict.is_none(), || {
                    format!("{job} (price {price}): {}", verdict.unwrap_or_default())
                });
            }
        }
    }
}

/// Whether a job may end like this: as its script says, or cancelled if somebody asked for it.
fn judge(entry: &Entry, end: &End, view: &Value) -> Option<String> {
    let made = view["result"]["data"].as_array().map_or(0, Vec::len);
    match (end.status.as_str(), entry.order.fate) {
        ("cancelled", _) if entry.cancel_sent => None,
        ("succeeded", Fate::Success) if made == entry.order.n as usize => None,
        ("failed", Fate::Failure(code)) if end.code.as_deref() == Some(code) => None,
        _ => Some(format!("ended as {end:?} with {made} pictures; the order was {:?}", entry.order)),
    }
}

/// What may never change of a job that has ended: everything but the balance of its key and the signatures of its links.
pub(super) fn digest(view: &Value) -> String {
    let mut view = view.clone();
    if let Some(usage) = view["result"]["usage"].as_object_mut() {
        usage.remove("credits_remaining");
    }
    if let Some(items) = view["result"]["data"].as_array_mut() {
        for item in items {
            if let Some(url) = item["url"].as_str() {
                item["url"] = url.split('?').next().unwrap_or_default().into();
            }
        }
    }
    let digest = Sha256::digest(view.to_string());
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::drill::order::Manner;
    use serde_json::json;

    fn order(fate: Fate) -> Order {
        let body = json!({ "prompt": "a" });
        Order {
            manner: Manner::Background,
            fate,
            n: 1,
            size: (1, 1),
            cancel: false,
            idempotency_key: None,
            body,
        }
    }

    fn view(status: &str, url: &str, left: i64) -> Value {
        let (data, usage) =
            (json!([{ "url": url }]), json!({ "credits_charged": 1, "credits_remaining": left }));
        json!({ "status": status, "result": { "data": data, "usage": usage } })
    }

    fn book(fate: Fate) -> Book {
        let mut book = Book::default();
        book.acknowledge(0, &order(fate), "job");
        book
    }

    #[test]
    fn an_end_that_stays_is_right_whatever_is_left_and_however_it_is_signed() {
        let mut book = book(Fate::Success);
        book.saw("job", &json!({ "status": "running" }));
        book.saw("job", &view("succeeded", "http://a/media/x.png?exp=1", 5));
        book.saw("job", &view("succeeded", "http://a/media/x.png?exp=2", 4));
        assert_eq!(book.violations, Vec::<String>::new());
        assert!(book.open.is_empty() && book.checks == 2);
    }

    #[test]
    fn an_end_that_changes_is_a_violation() {
        let again = [
            json!({ "status": "running" }),
            json!({ "status": "failed", "error": { "code": "job_lost" } }),
            view("succeeded", "http://a/media/y.png", 5),
        ];
        for again in again {
            let mut book = book(Fate::Success);
            book.saw("job", &view("succeeded", "http://a/media/x.png", 5));
            book.saw("job", &again);
            assert_eq!(book.violations.len(), 1, "{again}");
        }
    }

    #[test]
    fn an_end_that_nobody_asked_for_is_a_violation() {
        for (fate, end) in [
            (Fate::Success, json!({ "status": "cancelled" })),
            (Fate::Success, json!({ "status": "failed", "error": { "code": "internal_error" } })),
            (Fate::Success, json!({ "status": "succeeded", "result": { "data": [] } })),
            (Fate::Failure("job_lost"), view("succeeded", "http://a", 0)),
            (Fate::Failure("job_lost"), json!({ "status": "failed", "error": { "code": "timeout" } })),
        ] {
            let mut book = book(fate);
            book.saw("job", &end);
            assert_eq!(book.violations.len(), 1, "{end}");
        }
    }

    #[test]
    fn one_job_for_two_orders_is_a_violation() {
        let mut book = book(Fate::Success);
        book.acknowledge(0, &order(Fate::Success), "job");
        assert!(book.violations.is_empty());
        book.acknowledge(1, &order(Fate::Success), "job");
        assert_eq!(book.violations.len(), 1);
    }
}
