//! The end: all jobs come to rest, the books prove themselves with the server and without it.

use super::{
    book::Book,
    terms::{self, Terms},
};
use crate::{
    client::Client,
    process::{ProcessError, Setup},
};
use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

/// Waits until no job is open.
pub(super) async fn wait(root: &Client, book: &Rc<RefCell<Book>>, patience: Duration) {
    let began = Instant::now();
    while began.elapsed() < patience {
        let health = root.get("/health").send().await.map(|answer| answer.json()).unwrap_or_default();
        if health["jobs_open"] == 0 {
            return;
        }
        actix_rt::time::sleep(Duration::from_millis(50)).await;
    }
    book.borrow_mut().violation(format!("jobs are still open after {patience:?} of peace"));
}

/// The proof of the running server, and that no key has anything held.
pub(super) async fn books(root: &Client, terms: &Terms, book: &Rc<RefCell<Book>>) {
    let admin = match terms::admin(root).await {
        Ok(admin) => admin,
        Err(error) => return book.borrow_mut().violation(error),
    };
    let verdict =
        admin.get("/api/ledger/verify").send().await.map(|answer| answer.json()).unwrap_or_default();
    book.borrow_mut().check(verdict["ok"] == true, || format!("the books are not right: {verdict}"));
    let keys = admin.get("/api/keys").send().await.map(|answer| answer.json()).unwrap_or_default();
    let count = keys["data"].as_array().map_or(0, Vec::len);
    let mut book = book.borrow_mut();
    book.check(count == terms.keys.len(), || format!("{count} keys instead of {}", terms.keys.len()));
    for key in keys["data"].as_array().into_iter().flatten() {
        book.check(key["held"] == 0, || format!("credit is still held: {key}"));
    }
}

/// The proof of the stopped server.
pub(super) fn offline(setup: &Setup, book: &Rc<RefCell<Book>>) -> Result<(), ProcessError> {
    let output = setup.run(&["ledger", "verify"])?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    book.borrow_mut().check(output.status.success(), || format!("`atelier ledger verify`: {said}"));
    Ok(())
}
