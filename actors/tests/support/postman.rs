//! A notifier that keeps what it is given and answers as the test says.

use atelier_domain::{
    engine::LocalFuture,
    fetch::{FetchError, FetchErrorKind},
    webhook::{Notice, Notifier},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// What a server does with every letter.
#[derive(Debug, Clone, Copy)]
pub enum Letter {
    Answer(u16),
    Unreachable,
    Hang,
    Panic,
}

/// The notifier.
pub struct Postman {
    servers: Mutex<HashMap<String, Letter>>,
    posts: watch::Sender<Vec<Notice>>,
}

impl Default for Postman {
    fn default() -> Self {
        Self { servers: Mutex::default(), posts: watch::Sender::new(vec![]) }
    }
}

impl Postman {
    /// From now on the server at this URL does that; others answer with 200.
    pub fn at(&self, url: &str, letter: Letter) {
        self.servers.lock().unwrap().insert(url.to_owned(), letter);
    }

    pub fn posts(&self) -> Vec<Notice> {
        self.posts.borrow().clone()
    }

    /// Waits until enough was posted.
    pub async fn until(&self, enough: impl FnMut(&Vec<Notice>) -> bool) {
        self.posts.subscribe().wait_for(enough).await.unwrap();
    }
}

impl Notifier for Postman {
    fn post(self: Arc<Self>, notice: Notice) -> LocalFuture<Result<u16, FetchError>> {
        let letter = self.servers.lock().unwrap().get(&notice.url).copied().unwrap_or(Letter::Answer(200));
        self.posts.send_modify(|posts| posts.push(notice));
        Box::pin(async move {
            match letter {
                Letter::Answer(status) => Ok(status),
                Letter::Unreachable => {
                    Err(FetchError::new(FetchErrorKind::Unreachable, "a.example: refused"))
                }
                Letter::Hang => std::future::pending().await,
                Letter::Panic => panic!("scripted panic in post"),
            }
        })
    }
}
