//! Jobs as the operator sees them, whoever's they are: found, listed, ended, done again.

use super::{Jobs, NewJob, prompt_file};
use crate::{
    media_library::{MediaLibrary, Upload},
    refused::Refused,
};
use atelier_domain::{
    code::Code,
    ids::{AccountId, JobId, KeyId},
    job::{Job, JobKind},
    key::ApiKey,
};
use atelier_store::Scan;
use std::{sync::Arc, time::Duration};

/// Rows read at once.
const PAGE: usize = 500;

/// Rows that are looked at for one page of a list. A rare kind of job is found over several.
const MOST_READ: usize = 10_000;

/// Which jobs to list. `None` means any.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Of this key.
    pub key: Option<KeyId>,
    /// With this public word for their state, such as `in_progress`.
    pub status: Option<String>,
    /// Of this kind.
    pub kind: Option<JobKind>,
    /// For the model of this name.
    pub model: Option<String>,
    /// Done last by this account.
    pub account: Option<AccountId>,
}

impl JobFilter {
    fn takes(&self, job: &Job) -> bool {
        !job.forgotten
            && self.key.is_none_or(|key| job.key == key)
            && self.status.as_ref().is_none_or(|status| job.state.public() == status)
            && self.kind.is_none_or(|kind| job.work.kind() == kind)
            && self.model.as_ref().is_none_or(|model| job.model == *model)
            && self.account.is_none_or(|account| job.account == Some(account))
    }
}

/// A page of jobs.
#[derive(Debug, Clone)]
pub struct JobPage {
    /// Latest first.
    pub jobs: Vec<Arc<Job>>,
    /// After which job the next page begins; none at the end. It may be one that is not on this page.
    pub next: Option<JobId>,
}

/// A job to be done again.
pub struct Again {
    /// Its key, which pays for it.
    pub key: Arc<ApiKey>,
    /// How long it may take.
    pub timeout: Duration,
    /// The request that asks for it.
    pub request_id: String,
}

impl Jobs {
    /// A job, whoever's. One that its owner deleted is shown to nobody.
    ///
    /// # Errors
    /// `job_not_found`.
    pub fn find(&self, id: JobId) -> Result<Arc<Job>, Refused> {
        let job = match self.board.get(id) {
            Some(live) => Some(live.job()),
            None => self.store.load::<Job>(id.uuid().as_bytes())?.map(Arc::new),
        };
        let unknown = || Refused::new(Code::JobNotFound, "no such job, or it is past its retention");
        job.filter(|job| !job.forgotten).ok_or_else(unknown)
    }

    /// Jobs that the filter takes, latest first, before this one.
    ///
    /// # Errors
    /// A row cannot be read.
    pub async fn search(
        &self,
        filter: JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<JobPage, Refused> {
        let jobs = self.clone();
        let read = tokio::task::spawn_blocking(move || jobs.page(&filter, before, limit));
        read.await.map_err(Refused::internal)?
    }

    fn page(&self, filter: &JobFilter, before: Option<JobId>, limit: usize) -> Result<JobPage, Refused> {
        let (mut found, mut last, mut read) = (Vec::new(), before, 0);
        loop {
            let mut scan = Scan::all().reverse().limit(PAGE);
            if let Some(last) = last {
                scan = scan.after(last.uuid().as_bytes());
            }
            let rows = self.store.rows::<Job>(scan)?;
            let is_end = rows.len() < PAGE;
            for (_, row) in rows {
                // What is on the board is newer than its row.
                let job = self.board.get(row.id).map_or_else(|| Arc::new(row), |live| live.job());
                (last, read) = (Some(job.id), read + 1);
                if filter.takes(&job) {
                    found.push(job);
                }
                if found.len() == limit || read == MOST_READ {
                    return Ok(JobPage { jobs: found, next: last });
                }
            }
            if is_end {
                return Ok(JobPage { jobs: found, next: None });
            }
        }
    }

    /// A new job that does the same as an ended one, at its price, with files of its own.
    ///
    /// # Errors
    /// `job_open` when it has not ended, `media_not_found` when what it worked from is gone.
    pub async fn again(&self, job: &Job, library: &MediaLibrary, again: Again) -> Result<NewJob, Refused> {
        if !job.state.is_terminal() {
            return Err(Refused::new(Code::JobOpen, "the job has not ended: cancel it first"));
        }
        let mut uploads = Vec::<Arc<Upload>>::new();
        for reference in job.work.references() {
            uploads.push(Arc::new(library.reuse_reference(job.key, reference).await?));
        }
        let mut shared = uploads.iter();
        let mut work = job.work.with_references(|old| match shared.next() {
            Some(upload) => upload.id,
            None => old.media,
        });
        work.prompt_mut().text = Some(self.prompt(job).await?);
        Ok(NewJob {
            key: again.key,
            endpoint: job.endpoint.clone(),
            model: job.model.clone(),
            routes: job.routes.clone(),
            work,
            uploads,
            price: job.price.clone(),
            timeout: again.timeout,
            awaited: false,
            body_hash: job.body_hash.clone(),
            idempotency_key: None,
            is_retry: false,
            request_id: again.request_id,
            echo: job.echo.clone(),
        })
    }

    /// The whole prompt of a job.
    async fn prompt(&self, job: &Job) -> Result<String, Refused> {
        if let Some(text) = &job.work.prompt().text {
            return Ok(text.clone());
        }
        let (store, id) = (self.store.clone(), prompt_file(job.id));
        let read = tokio::task::spawn_blocking(move || store.media().read(&id)).await;
        let gone = |_| Refused::new(Code::MediaNotFound, "the prompt of the job is gone");
        String::from_utf8(read.map_err(Refused::internal)?.map_err(gone)?).map_err(Refused::internal)
    }
}
