//! The crowd: clients that order, wait, stream, cancel, send again and top up, until the server is gone.

use super::{
    book::{Book, Grant, Keyed},
    order::{Manner, Order},
    terms::{self, Terms},
};
use crate::client::{Answer, CallError, Client, Reply, header};
use awc::http::header::HeaderMap;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use std::{cell::RefCell, rc::Rc, time::Duration};
use tokio::task::JoinHandle;

/// Clients at the same time.
const CLIENTS: usize = 8;

/// Orders of one client in one life, at most.
const ORDERS: usize = 200;

/// How long an impatient client waits before it sends the same order again, at most, in microseconds.
const HASTE_US: u64 = 8_000;

/// How long after the kill a client may still wait for its broken connection.
const GRACE: Duration = Duration::from_secs(20);

/// The clients of one life.
pub(super) struct Crowd {
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Waits until everybody has noticed that the server is gone.
    pub async fn disperse(self) {
        for mut client in self.clients {
            if actix_rt::time::timeout(GRACE, &mut client).await.is_err() {
                client.abort();
            }
        }
    }
}

/// Lets the crowd loose.
pub(super) fn begin(root: &Client, terms: &Terms, book: &Rc<RefCell<Book>>, seed: u64) -> Crowd {
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let customer = Customer {
                root: root.clone(),
                terms: terms.clone(),
                book: book.clone(),
                rng: StdRng::seed_from_u64(seed.wrapping_add(number as u64)),
            };
            actix_rt::spawn(customer.shop())
        })
        .collect();
    clients.push(actix_rt::spawn(top_up(root.clone(), terms.clone(), book.clone())));
    Crowd { clients }
}

struct Customer {
    root: Client,
    terms: Terms,
    book: Rc<RefCell<Book>>,
    rng: StdRng,
}

impl Customer {
    async fn shop(mut self) {
        for _ in 0..ORDERS {
            let again = self.rng.random_bool(0.15).then(|| self.earlier()).flatten();
            let (key, order) = again.unwrap_or_else(|| self.fresh());
            if self.place(key, &order).await.is_err() {
                self.book.borrow_mut().unanswered += 1;
                return;
            }
        }
    }

    fn fresh(&mut self) -> (usize, Order) {
        let key = self.rng.random_range(0..self.terms.keys.len());
        let number = self.book.borrow_mut().number();
        let order = Order::draw(&mut self.rng, number, self.terms.keys[key].careful);
        if order.idempotency_key.is_some() {
            self.book.borrow_mut().keyed.push(Keyed { key, order: order.clone(), job: None });
        }
        (key, order)
    }

    /// An order of before, sent again as a client does that was not sure: mostly one that was never answered.
    fn earlier(&mut self) -> Option<(usize, Order)> {
        let book = self.book.borrow();
        let unsure: Vec<_> = book.keyed.iter().filter(|keyed| keyed.job.is_none()).collect();
        let chosen = match unsure.choose(&mut self.rng) {
            Some(keyed) => Some(*keyed),
            None => book.keyed.choose(&mut self.rng),
        };
        chosen.map(|keyed| (keyed.key, keyed.order.clone()))
    }

    async fn place(&mut self, key: usize, order: &Order) -> Result<(), CallError> {
        let client = self.root.with_token(&self.terms.keys[key].secret);
        let answer = if order.idempotency_key.is_some() && self.rng.random_bool(0.5) {
            // An impatient client: the second must not be told of what the first could still lose.
            let pause = Duration::from_micros(self.rng.random_range(0..HASTE_US));
            let second = async {
                actix_rt::time::sleep(pause).await;
                self.once(&client, key, order).await
            };
            let (first, second) = futures_util::join!(self.once(&client, key, order), second);
            first.and(second)?
        } else {
            self.once(&client, key, order).await?
        };
        let Some(job) = answer.header("x-job-id").map(str::to_owned) else { return Ok(()) };
        if order.manner == Manner::Background {
            self.follow(&client, order, &job).await?;
        }
        Ok(())
    }

    async fn once(&self, client: &Client, key: usize, order: &Order) -> Result<Answer, CallError> {
        let reply = send(client, order).await?;
        self.hear(key, order, reply.status, &reply.headers);
        let answer = reply.whole().await?;
        self.look_at(order, &answer);
        Ok(answer)
    }

    /// The headers are an acknowledgement already.
    fn hear(&self, key: usize, order: &Order, status: u16, headers: &HeaderMap) {
        let mut book = self.book.borrow_mut();
        if let Some(job) = header(headers, "x-job-id") {
            heard_of(&mut book, key, order, job);
            return;
        }
        let expected = matches!(status, 402 | 429 | 503);
        book.check(expected, || format!("an order was answered {status} without a job: {:?}", order.body));
    }

    /// What came with the answer must fit the order; the pictures themselves are looked at by the audit.
    fn look_at(&self, order: &Order, answer: &Answer) {
        let mut book = self.book.borrow_mut();
        let code = if answer.status == 200 { "answered".to_owned() } else { answer.code() };
        *book.refused.entry(code).or_default() += 1;
        book.check(answer.status != 500, || format!("500: {}", answer.text()));
        if answer.status == 200 && order.manner == Manner::Wait {
            let made = answer.json()["data"].as_array().map_or(0, Vec::len);
            book.check(made == order.n as usize, || format!("{made} pictures for {:?}", order.body));
        }
    }

    /// Polls a background job for a while, or cancels it.
    async fn follow(&mut self, client: &Client, order: &Order, job: &str) -> Result<(), CallError> {
        let path = format!("/v1/images/jobs/{job}");
        let call = if order.cancel {
            if let Some(entry) = self.book.borrow_mut().jobs.get_mut(job) {
                entry.cancel_sent = true;
            }
            client.delete(&path)
        } else {
            client.get(&path)
        };
        let answer = call.send().await?;
        let mut book = self.book.borrow_mut();
        book.check(answer.status == 200, || {
            format!("{job} was acknowledged and is answered {}", answer.text())
        });
        if answer.status == 200 {
            book.saw(job, &answer.json());
        }
        Ok(())
    }
}

/// Sends an order and waits for the headers.
pub(super) async fn send(client: &Client, order: &Order) -> Result<Reply, CallError> {
    let call = client.post("/v1/images/generations", &order.body);
    match &order.idempotency_key {
        Some(key) => call.header("idempotency-key", key).begin().await,
        None => call.begin().await,
    }
}

/// A job was named for an order: the same for the same Idempotency-Key, whenever it is asked.
pub(super) fn heard_of(book: &mut Book, key: usize, order: &Order, job: &str) {
    book.acknowledge(key, order, job);
    if order.idempotency_key.is_none() {
        return;
    }
    let is_it = |keyed: &&mut Keyed| keyed.key == key && keyed.order.idempotency_key == order.idempotency_key;
    let Some(keyed) = book.keyed.iter_mut().find(is_it) else { return };
    match keyed.job.clone() {
        None => keyed.job = Some(job.to_owned()),
        Some(first) => {
            book.replays += 1;
            book.check(first == job, || format!("{:?} was {first} and is {job}", order.idempotency_key));
        }
    }
}

/// Gives the poor keys a credit now and then.
async fn top_up(root: Client, terms: Terms, book: Rc<RefCell<Book>>) {
    let Ok(admin) = terms::admin(&root).await else { return };
    for _ in 0..ORDERS {
        actix_rt::time::sleep(Duration::from_millis(60)).await;
        for (key, owner) in terms.keys.iter().enumerate().filter(|(_, owner)| owner.name.starts_with("poor"))
        {
            let reason = format!("grant {}", book.borrow().grants.len());
            let grant = Grant { key, reason: reason.clone(), amount: 2, acknowledged: false };
            let place = book.borrow().grants.len();
            book.borrow_mut().grants.push(grant);
            let body = json!({ "amount": 2, "reason": reason });
            let sent = admin.post(&format!("/api/keys/{}/credits", owner.id), &body).send().await;
            let Ok(answer) = sent else { return };
            let mut book = book.borrow_mut();
            book.grants[place].acknowledged = answer.status == 200;
            book.check(answer.status == 200, || format!("a grant was answered {}", answer.text()));
        }
    }
}
