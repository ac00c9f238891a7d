//! The writes of a generation: every arrow of the state machine, and the end with its money and files.

use super::{Crew, drive::Stopped};
use crate::{credit_ledger::Settlement, job_supervisor::Live};
use atelier_domain::{
    credit::Hold,
    engine::Output,
    ids::MediaId,
    job::{Job, JobOutput, JobState, Transition},
    media::Media,
};
use atelier_store::{Batch, CommitError, Expect};
use std::time::Duration;
use uuid::Uuid;

/// How long a write waits before it tries a full queue again.
const QUEUE_WAIT: Duration = Duration::from_millis(50);

impl Crew {
    /// Commits one arrow and shows it. Returns the job after it.
    pub(super) async fn step(&self, live: &Live, transition: Transition) -> Result<Job, Stopped> {
        let job = self.after(&live.job(), transition)?;
        let mut batch = Batch::new();
        batch.put_row(job.id.uuid().as_bytes(), &job, Expect::Present).map_err(Stopped::defect)?;
        loop {
            match self.store.submit(batch.clone()).await {
                Ok(_) => break,
                // The committer drains its queue all the time: what is full now has room soon.
                Err(CommitError::Full) => tokio::time::sleep(QUEUE_WAIT).await,
                Err(CommitError::Closed) => return Err(Stopped::Closing),
                Err(other) => return Err(Stopped::defect(other)),
            }
        }
        tracing::debug!(job_id = %job.id, state = job.state.name(), attempt = job.attempt, "job moved");
        live.show(job.clone());
        Ok(job)
    }

    /// Keeps the outputs as files, then ends the job with its capture, in that order: a row never names a file that is not there.
    pub(super) async fn complete(&self, live: &Live, outputs: Vec<Output>) -> Result<(), Stopped> {
        let job = live.job();
        let now = self.clock.now();
        let charged = if job.metered { job.price.charge(u32::try_from(outputs.len()).unwrap_or(u32::MAX)) } else { 0 };
        let files = self.keep_files(outputs).await?;
        let outputs: Vec<JobOutput> = files.clone();
        let job = self.after(&job, Transition::Complete { outputs, charged })?;
        let job = job.clone().kept_for(self.config.retention, job.keep_until);
        let expires_at = job.keep_until.unwrap_or(now);
        let media = files.into_iter().map(|file| Media {
            id: file.media,
            owner: job.key,
            job: job.id,
            mime: file.mime,
            bytes: file.bytes,
            width: file.width,
            height: file.height,
            created_at: now,
            expires_at,
        });
        let media = media.collect();
        self.settle(live, job, media).await
    }

    /// Ends the job without a result: its hold is released with the row.
    pub(super) async fn end(&self, live: &Live, transition: Transition) -> Result<(), Stopped> {
        let job = self.after(&live.job(), transition)?;
        let job = job.clone().kept_for(self.config.retention, job.keep_until);
        self.settle(live, job, Vec::new()).await
    }

    async fn settle(&self, live: &Live, job: Job, media: Vec<Media>) -> Result<(), Stopped> {
        let place = *job.id.uuid().as_bytes();
        let Some(hold) = self.store.load::<Hold>(place).map_err(Stopped::defect)? else {
            return self.show_kept(live);
        };
        loop {
            match self.ledger.settle(job.clone(), hold.clone(), media.clone()).await {
                Ok(Settlement::Settled(job)) => {
                    let (state, ms) = (job.state.name(), job.updated_at.since(job.created_at).as_millis());
                    let code = job.error.as_ref().map(|error| error.code.word());
                    tracing::info!(job_id = %job.id, request_id = %job.request_id, state, ms, charged = job.charged, code, "job ended");
                    live.show(job);
                    return Ok(());
                }
                Ok(Settlement::AlreadySettled) => return self.show_kept(live),
                Err(refused) if refused.code == atelier_domain::code::Code::QueueFull => {
                    tokio::time::sleep(QUEUE_WAIT).await;
                }
                Err(refused) if refused.code == atelier_domain::code::Code::ShuttingDown => return Err(Stopped::Closing),
                Err(refused) => return Err(Stopped::defect(refused)),
            }
        }
    }

    /// The job had ended before: what its row says is what happened.
    fn show_kept(&self, live: &Live) -> Result<(), Stopped> {
        let id = live.job().id;
        let kept = self.store.load::<Job>(id.uuid().as_bytes()).map_err(Stopped::defect)?;
        let kept = kept.filter(|job| job.state.is_terminal()).ok_or_else(|| Stopped::defect("an open job without a hold"))?;
        live.show(kept);
        Ok(())
    }

    async fn keep_files(&self, outputs: Vec<Output>) -> Result<Vec<JobOutput>, Stopped> {
        let store = self.store.clone();
        let write = move || {
            let keep = |output: Output| {
                let media = MediaId::from_uuid(Uuid::now_v7());
                store.media().write(&media.to_string(), &output.bytes)?;
                Ok(JobOutput {
                    media,
                    mime: output.mime.to_owned(),
                    bytes: output.bytes.len() as u64,
                    width: output.width,
                    height: output.height,
                    revised_prompt: output.revised_prompt,
                })
            };
            outputs.into_iter().map(keep).collect::<Result<Vec<_>, atelier_store::MediaError>>()
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(Stopped::defect)?;
        written.map_err(Stopped::defect)
    }

    fn after(&self, job: &Job, transition: Transition) -> Result<Job, Stopped> {
        let next = job.after(transition, self.clock.now()).map_err(Stopped::defect)?;
        debug_assert!(next.state != JobState::Completed || !next.outputs.is_empty());
        Ok(next)
    }
}
