//! What is proved of jobs: each that was acknowledged is there, ends once, as it must, and its pictures can be looked at.

use super::{
    book::{Book, Entry},
    load,
    order::Manner,
    terms::Terms,
};
use crate::client::{CallError, Client};
use base64::{Engine, engine::general_purpose::STANDARD};
use rand::{rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;
use std::{cell::RefCell, rc::Rc};

/// Ended jobs that are looked at again after each restart.
const SAMPLE: usize = 25;

/// After a restart: every open job is still there, and a sample of the ended ones is unchanged.
pub(super) async fn after_restart(root: &Client, terms: &Terms, book: &Rc<RefCell<Book>>, rng: &mut StdRng) {
    let ids: Vec<String> = {
        let book = book.borrow();
        let ended: Vec<_> =
            book.jobs.iter().filter(|(_, entry)| entry.end.is_some()).map(|(id, _)| id).collect();
        book.open.iter().chain(ended.sample(rng, SAMPLE).copied()).cloned().collect()
    };
    for id in ids {
        look(root, terms, book, &id).await;
    }
}

/// At the end: every acknowledged job has ended, is unchanged, and its files decode.
pub(super) async fn every_job(root: &Client, terms: &Terms, book: &Rc<RefCell<Book>>) {
    let ids: Vec<String> = book.borrow().jobs.keys().cloned().collect();
    for id in ids {
        let Some(view) = look(root, terms, book, &id).await else { continue };
        let Some(entry) = book.borrow().jobs.get(&id).cloned() else { continue };
        book.borrow_mut().check(entry.end.is_some(), || format!("{id} never ended: {}", view["status"]));
        pictures(root, book, &id, &entry, &view).await;
        if let Some(charged) = view["result"]["usage"]["credits_charged"].as_i64() {
            let price = entry.order.price();
            book.borrow_mut()
                .check(charged == price, || format!("{id} cost {price} and was charged {charged}"));
        }
    }
}

async fn look(root: &Client, terms: &Terms, book: &Rc<RefCell<Book>>, id: &str) -> Option<Value> {
    let key = book.borrow().jobs.get(id)?.key;
    let client = root.with_token(&terms.keys[key].secret);
    let answer = client.get(&format!("/v1/images/jobs/{id}")).send().await;
    let mut book = book.borrow_mut();
    match answer {
        Ok(answer) if answer.status == 200 => {
            book.checks += 1;
            let view = answer.json();
            book.saw(id, &view);
            Some(view)
        }
        Ok(answer) => {
            book.violation(format!("{id} was acknowledged and is lost: {}", answer.text()));
            None
        }
        Err(error) => {
            book.violation(format!("{id} cannot be asked for: {error}"));
            None
        }
    }
}

async fn pictures(root: &Client, book: &Rc<RefCell<Book>>, id: &str, entry: &Entry, view: &Value) {
    let items = view["result"]["data"].as_array().cloned().unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let bytes = match (item["b64_json"].as_str(), item["url"].as_str()) {
            (Some(text), _) => STANDARD.decode(text).map_err(|error| error.to_string()),
            (None, Some(url)) => fetched(root, url).await,
            (None, None) => Err("it is not there".to_owned()),
        };
        let seen = bytes.and_then(|bytes| image::load_from_memory(&bytes).map_err(|error| error.to_string()));
        let mut book = book.borrow_mut();
        book.pictures += 1;
        let is_right =
            seen.as_ref().is_ok_and(|picture| (picture.width(), picture.height()) == entry.order.size);
        let found = seen.map(|picture| format!("it is {}x{}", picture.width(), picture.height()));
        book.check(is_right, || format!("picture {index} of {id}: {}", found.unwrap_or_else(|error| error)));
    }
}

async fn fetched(root: &Client, url: &str) -> Result<Vec<u8>, String> {
    let answer = root.get(url).send().await.map_err(|error| error.to_string())?;
    if answer.status == 200 { Ok(answer.body) } else { Err(answer.text()) }
}

/// Sends every order with an Idempotency-Key again: what was answered gets the same job, what was not gets one now.
pub(super) async fn resend_all(root: &Client, terms: &Terms, book: &Rc<RefCell<Book>>) {
    let keyed = book.borrow().keyed.clone();
    for one in keyed {
        let client = root.with_token(&terms.keys[one.key].secret);
        if let Err(error) = resend(&client, book, &one).await {
            book.borrow_mut()
                .violation(format!("{:?} cannot be sent again: {error}", one.order.idempotency_key));
        }
    }
}

async fn resend(
    client: &Client,
    book: &Rc<RefCell<Book>>,
    one: &super::book::Keyed,
) -> Result<(), CallError> {
    let reply = load::send(client, &one.order).await?;
    let job = reply.headers.get("x-job-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let replayed = reply.headers.contains_key("idempotent-replayed");
    let answer = reply.whole().await?;
    let mut book = book.borrow_mut();
    match (&job, &one.job) {
        (Some(job), first) => {
            load::heard_of(&mut book, one.key, &one.order, job);
            let is_marked = first.is_none() || replayed;
            book.check(is_marked, || format!("{job} answered again without saying so"));
            if one.order.manner == Manner::Background {
                book.saw(job, &answer.json());
            }
        }
        (None, None) => {
            let refused = answer.status == 402;
            book.check(refused, || format!("an order sent again was answered {}", answer.text()));
        }
        (None, Some(first)) => {
            let what = format!(
                "{first} answered for {:?} and does not any more: {}",
                one.order.idempotency_key,
                answer.text()
            );
            book.violation(what);
        }
    }
    Ok(())
}
