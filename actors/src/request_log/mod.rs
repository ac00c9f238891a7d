//! The log of requests: one row per job, written in the transaction that ends it, and the figures that are counted with it. What runs is
//! not in it yet: whoever shows the log reads that from the jobs themselves.
//!
//! Reading order: `row` (what is logged), `calendar` (which day it is), `figures` (what is counted).

mod calendar;
mod figures;
mod row;

pub use calendar::Calendar;
pub use figures::{AccountCounts, Counts};
pub(crate) use figures::{erase, forget_days};
pub use row::{LogRow, Operation, Worker};

use crate::{account_pool::Pool, credit_ledger::EndingRider, refused::Refused};
use atelier_domain::{
    ids::{AccountId, JobId},
    job::Job,
    time::Clock,
};
use atelier_store::{Batch, Expect, Row, Scan, Store};
use std::{collections::HashMap, sync::Arc};

/// Rows that are deleted by one commit.
const AT_ONCE: usize = 256;

/// How the rest of Atelier speaks to the log. Cheap to clone.
#[derive(Clone)]
pub struct RequestLog {
    store: Store,
    pool: Pool,
    clock: Arc<dyn Clock>,
    calendar: Calendar,
}

impl RequestLog {
    /// The log over this store, with the days of this calendar. The pool knows who an account is.
    pub fn new(store: Store, pool: Pool, clock: Arc<dyn Clock>, calendar: Calendar) -> Self {
        Self { store, pool, clock, calendar }
    }

    /// What is written with the end of each job.
    pub fn rider(&self) -> EndingRider {
        let log = self.clone();
        Arc::new(move |job| log.ending(job))
    }

    fn ending(&self, job: &Job) -> Result<Batch, Refused> {
        let mut batch = Batch::new();
        let row = LogRow::of(job, self.worker(job));
        batch.put_row(job.id.uuid().as_bytes(), &row, Expect::Any).map_err(Refused::internal)?;
        figures::count(&mut batch, job, &self.calendar)?;
        Ok(batch)
    }

    fn worker(&self, job: &Job) -> Option<Worker> {
        let id = job.account?;
        self.pool
            .accounts()
            .iter()
            .find(|(account, _)| account.id == id)
            .map(|(account, _)| Worker::of(account))
    }

    /// The row of a job that runs.
    pub fn running(&self, job: &Job) -> LogRow {
        LogRow::of(job, self.worker(job))
    }

    /// Rows of ended jobs, latest accepted first, before this job.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn rows(&self, before: Option<JobId>, limit: usize) -> Result<Vec<LogRow>, Refused> {
        let mut scan = Scan::all().reverse().limit(limit);
        if let Some(before) = before {
            scan = scan.after(before.uuid().as_bytes());
        }
        Ok(self.store.rows::<LogRow>(scan)?.into_iter().map(|(_, row)| row).collect())
    }

    /// Takes all rows away; returns how many went. The figures stay.
    ///
    /// # Errors
    /// The store takes no more; those before it are gone.
    pub async fn clear(&self) -> Result<usize, Refused> {
        let mut gone = 0;
        loop {
            let page = self.store.scan(LogRow::TABLE, Scan::all().limit(AT_ONCE))?;
            if page.is_empty() {
                return Ok(gone);
            }
            let mut batch = Batch::new();
            for (place, _) in &page {
                batch.delete(LogRow::TABLE, place.clone());
            }
            self.store.submit(batch).await?;
            gone += page.len();
        }
    }

    /// Everything that was ever made here.
    ///
    /// # Errors
    /// The figures cannot be read.
    pub fn total(&self) -> Result<Counts, Refused> {
        Ok(figures::total(&self.store)?)
    }

    /// What was made on each of the last days, latest (today) first.
    ///
    /// # Errors
    /// The figures cannot be read.
    pub fn days(&self, many: u64) -> Result<Vec<(String, Counts)>, Refused> {
        let days = self.calendar.days(self.clock.now(), many).into_iter();
        Ok(days
            .map(|day| figures::of_day(&self.store, &day).map(|made| (day, made)))
            .collect::<Result<_, _>>()?)
    }

    /// What these accounts made.
    ///
    /// # Errors
    /// The figures cannot be read.
    pub fn of_accounts(&self, accounts: &[AccountId]) -> Result<HashMap<AccountId, AccountCounts>, Refused> {
        Ok(figures::of_accounts(&self.store, accounts)?)
    }
}
