//! What is proved of money, key by key, from the statement that the key's owner reads: every job was held once and settled
//! once, by what it says it cost; what was granted is there; the balance is the sum of it all.

use super::{
    book::{Book, is_terminal},
    terms::{Key, Terms},
};
use crate::{client::Client, operator};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// What the journal says about one job.
#[derive(Debug, Default)]
struct Account {
    holds: u32,
    settlements: u32,
    available: i64,
    held: i64,
}

/// Audits every metered key.
pub(super) async fn audit(root: &Client, terms: &Terms, book: &Rc<RefCell<Book>>) {
    for (number, key) in terms.keys.iter().enumerate().filter(|(_, key)| key.metered) {
        let client = root.with_token(&key.secret);
        match operator::statement(&client).await {
            Ok(entries) => audit_key(&client, book, (number, key), &entries).await,
            Err(error) => book.borrow_mut().violation(format!("the statement of {}: {error}", key.name)),
        }
    }
}

async fn audit_key(
    client: &Client,
    book: &Rc<RefCell<Book>>,
    (number, key): (usize, &Key),
    entries: &[Value],
) {
    let change = |name: &str| entries.iter().filter_map(|entry| entry[name].as_i64()).sum::<i64>();
    let credits = client.get("/v1/credits").send().await.map(|answer| answer.json()).unwrap_or_default();
    let (balance, held) = (credits["balance"].as_i64(), credits["held"].as_i64());
    {
        let mut book = book.borrow_mut();
        book.check(held == Some(0), || format!("{}: {held:?} credits are still held", key.name));
        book.check(balance.is_some_and(|balance| balance >= 0), || {
            format!("{}: below zero: {credits}", key.name)
        });
        let says = (Some(change("amount")), Some(change("held")));
        book.check(says == (balance, held), || {
            format!("{}: entries say {says:?}, the balance {credits}", key.name)
        });
        grants(&mut book, number, key, entries);
    }
    let mut accounts: BTreeMap<&str, Account> = BTreeMap::new();
    for entry in entries {
        let Some(job) = entry["job"].as_str() else { continue };
        let account = accounts.entry(job).or_default();
        match entry["kind"].as_str() {
            Some("hold") => account.holds += 1,
            _ => account.settlements += 1,
        }
        account.available += entry["amount"].as_i64().unwrap_or_default();
        account.held += entry["held"].as_i64().unwrap_or_default();
    }
    for (job, account) in &accounts {
        audit_job(client, book, key, (job, account)).await;
    }
    let mut book = book.borrow_mut();
    let missing =
        book.jobs.iter().filter(|(id, entry)| entry.key == number && !accounts.contains_key(id.as_str()));
    let missing: Vec<_> = missing.map(|(id, _)| id.clone()).collect();
    book.check(missing.is_empty(), || format!("{}: jobs that were never held for: {missing:?}", key.name));
}

/// One job of the journal against its own view.
async fn audit_job(client: &Client, book: &Rc<RefCell<Book>>, key: &Key, (job, account): (&str, &Account)) {
    let view = match client.get(&format!("/v1/images/jobs/{job}")).send().await {
        Ok(answer) if answer.status == 200 => answer.json(),
        other => {
            book.borrow_mut().violation(format!("{job} was held for and is not there: {other:?}"));
            return;
        }
    };
    let mut book = book.borrow_mut();
    if !book.jobs.contains_key(job) {
        book.unheard += 1;
        book.check(!key.careful, || {
            format!("{job} exists beside the one that its Idempotency-Key was answered with")
        });
    }
    let status = view["status"].as_str().unwrap_or_default();
    let price = view["request"]["price"].as_i64().unwrap_or_default();
    let due = if status == "succeeded" { price } else { 0 };
    let once = account.holds == 1 && account.settlements == 1 && account.held == 0;
    book.check(is_terminal(status), || format!("{job} never ended: {status}"));
    book.check(once, || format!("{job} was not held once and settled once: {account:?}"));
    book.check(-account.available == due, || format!("{job} {status}, due {due}: {account:?}"));
    book.charged += due;
}

/// Every acknowledged grant is there once; none is there twice.
fn grants(book: &mut Book, number: usize, key: &Key, entries: &[Value]) {
    let sent: Vec<_> = book.grants.iter().filter(|grant| grant.key == number).cloned().collect();
    for grant in sent {
        let found: Vec<_> = entries.iter().filter(|entry| entry["reason"] == grant.reason.as_str()).collect();
        let is_right = match found.as_slice() {
            [] => !grant.acknowledged,
            [one] => one["amount"] == grant.amount,
            _ => false,
        };
        book.check(is_right, || format!("{}: {grant:?} is in the books {} times", key.name, found.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::book::Grant;
    use serde_json::json;

    #[test]
    fn a_grant_that_is_lost_doubled_or_changed_is_a_violation() {
        let key =
            Key { name: "poor", id: String::new(), secret: String::new(), metered: true, careful: false };
        let entry = |amount: i64| json!({ "reason": "grant 0", "amount": amount });
        for (acknowledged, entries, wrong) in [
            (true, vec![entry(2)], 0),
            (false, vec![entry(2)], 0),
            (false, vec![], 0),
            (true, vec![], 1),
            (true, vec![entry(2), entry(2)], 1),
            (true, vec![entry(3)], 1),
        ] {
            let grant = Grant { key: 0, reason: "grant 0".to_owned(), amount: 2, acknowledged };
            let mut book = Book { grants: vec![grant], ..Book::default() };
            grants(&mut book, 0, &key, &entries);
            assert_eq!(book.violations.len(), wrong, "{acknowledged} {entries:?}");
        }
    }
}
