//! The crowd: clients that ask for films and pictures, and look how they are doing, until the gateway is gone.

use super::book::{Book, Told};
use crate::{
    client::{CallError, Client},
    operator::Key,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    cell::{Cell, RefCell},
    ops::Range,
    rc::Rc,
    time::Duration,
};
use tokio::task::JoinHandle;

/// Clients at the same time.
const CLIENTS: usize = 8;

/// What one client asks for in one life, at most.
const ORDERS: usize = 100;

/// Milliseconds between two things that a client asks for.
const PAUSE_MS: Range<u64> = 40..200;

/// How long after the kill a client may still wait for its broken connection.
const GRACE: Duration = Duration::from_secs(20);

/// The clients of one life.
pub(super) struct Crowd {
    clients: Vec<JoinHandle<()>>,
    closing: Rc<Cell<bool>>,
}

impl Crowd {
    /// Waits until everybody has noticed that the gateway is gone.
    pub async fn disperse(self) {
        for mut client in self.clients {
            if actix_rt::time::timeout(GRACE, &mut client).await.is_err() {
                client.abort();
            }
        }
    }

    /// Lets everybody finish what they are at.
    pub async fn stop(self) {
        self.closing.set(true);
        self.disperse().await;
    }
}

/// Lets the crowd loose.
pub(super) fn begin(root: &Client, keys: &[Key], book: &Rc<RefCell<Book>>, seed: u64) -> Crowd {
    let closing = Rc::<Cell<bool>>::default();
    let clients = (0..CLIENTS).map(|number| {
        let key = number % keys.len();
        let customer = Customer {
            client: root.with_token(&keys[key].secret),
            key,
            book: book.clone(),
            rng: StdRng::seed_from_u64(seed.wrapping_add(number as u64)),
            closing: closing.clone(),
        };
        actix_rt::spawn(customer.shop())
    });
    Crowd { clients: clients.collect(), closing: closing.clone() }
}

/// In which manner something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Film,
    Picture,
    Background,
}

struct Customer {
    client: Client,
    key: usize,
    book: Rc<RefCell<Book>>,
    rng: StdRng,
    closing: Rc<Cell<bool>>,
}

impl Customer {
    async fn shop(mut self) {
        for _ in 0..ORDERS {
            if self.closing.get() {
                return;
            }
            if self.order().await.is_err() {
                self.book.borrow_mut().unanswered += 1;
                return;
            }
            let pause = Duration::from_millis(self.rng.random_range(PAUSE_MS));
            actix_rt::time::sleep(pause).await;
        }
    }

    async fn order(&mut self) -> Result<(), CallError> {
        let manner = match self.rng.random_range(0..100) {
            0..60 => Manner::Film,
            60..80 => Manner::Picture,
            _ => Manner::Background,
        };
        let (path, body) = self.request(manner);
        let answer = self.client.post(path, &body).send().await?;
        let view = answer.json();
        let id = answer.header("x-job-id").or_else(|| view["id"].as_str()).map(str::to_owned);
        self.hear(id.as_deref());
        let mut book = self.book.borrow_mut();
        let is_fine = (200..=202).contains(&answer.status);
        book.check(is_fine, || format!("{body} was answered {}: {}", answer.status, answer.text()));
        Ok(())
    }

    fn request(&self, manner: Manner) -> (&'static str, Value) {
        let mut book = self.book.borrow_mut();
        if manner == Manner::Film {
            let prompt = book.prompt("film");
            let body = json!({ "model": "sora-2", "prompt": prompt, "size": "1280x720", "seconds": "4" });
            return ("/v1/videos", body);
        }
        let prompt = book.prompt("picture");
        let mut body = json!({ "model": "gpt-image-2", "prompt": prompt, "size": "1024x1024" });
        if manner == Manner::Background {
            body["background"] = Value::from(true);
        }
        ("/v1/images/generations", body)
    }

    /// A job was named: from now on it must exist.
    fn hear(&self, id: Option<&str>) {
        let Some((_, job)) = id.and_then(|id| id.split_once('_')) else { return };
        let mut book = self.book.borrow_mut();
        let in_peace = book.is_peaceful;
        book.told.push(Told { key: self.key, job: job.to_owned(), in_peace });
    }
}
