//! Where the courier hears of events that were just written. It is only news: the rows are the truth.

use super::policy::Waiting;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// News that may wait for the courier. What is more is found by reading the outbox anew.
const MOST: usize = 4096;

/// The news of one process.
#[derive(Default)]
pub(crate) struct Inbox {
    news: Mutex<News>,
    bell: Notify,
}

/// What came since the courier last looked.
#[derive(Default)]
pub(super) struct News {
    pub events: Vec<Waiting>,
    /// There was more than could wait.
    pub missed: bool,
}

impl Inbox {
    /// Announces an event whose row is on disk.
    pub(crate) fn put(&self, waiting: Waiting) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if news.events.len() < MOST {
            news.events.push(waiting);
        } else {
            news.missed = true;
        }
        drop(news);
        self.bell.notify_one();
    }

    /// Takes what there is.
    pub(super) fn take(&self) -> News {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for news; those that came since the last wait count.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}
