//! The writes of a generation: every arrow of the state machine, and the end with its money and files.

use super::{Crew, drive::Stopped, policy::shortened};
use crate::{credit_ledger::Settlement, job_supervisor::Live};
use atelier_domain::{
    code::Code,
    credit::Hold,
    engine::Output,
    ids::{JobId, MediaId},
    job::{Job, JobCompanion, JobOutput, JobState, Prompt, Transition},
    media::{Media, MediaRole},
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
    pub(super) async fn complete(&self, live: &Live, outputs: Vec<Output>) -> Stopped {
        match self.completed(&live.job(), outputs).await {
            Ok((job, media)) => self.settle(job, media).await,
            Err(stopped) => stopped,
        }
    }

    async fn completed(&self, job: &Job, mut outputs: Vec<Output>) -> Result<(Job, Vec<Media>), Stopped> {
        // What was made at once goes from `submitting` to its end in one commit: a crash in between can still be looked up.
        let job =
            if job.state == JobState::Submitting { self.after(job, Transition::Fetch)? } else { job.clone() };
        outputs.truncate(job.work.outputs() as usize);
        let made = u32::try_from(outputs.len()).unwrap_or(u32::MAX);
        let charged = if job.metered { job.price.charge(made) } else { 0 };
        let outputs = self.keep_files(outputs).await?;
        let job = self.kept(self.after(&job, Transition::Complete { outputs, charged })?);
        let expires_at = Some(job.keep_until.unwrap_or(job.updated_at) + self.config.link_lifetime);
        let row = |id, mime: &str, bytes, (width, height)| Media {
            id,
            owner: job.key,
            role: MediaRole::Output,
            job: Some(job.id),
            mime: mime.to_owned(),
            bytes,
            width,
            height,
            created_at: job.updated_at,
            expires_at,
        };
        let media = job.outputs.iter().flat_map(|file| {
            let size = (file.width, file.height);
            let others = file.companions.iter().map(move |one| row(one.media, &one.mime, one.bytes, size));
            std::iter::once(row(file.media, &file.mime, file.bytes, size)).chain(others)
        });
        let media = media.collect();
        Ok((job, media))
    }

    /// Ends the job without a result: its hold is released with the row.
    pub(super) async fn end(&self, live: &Live, transition: Transition) -> Stopped {
        match self.after(&live.job(), transition) {
            // In its own memory: every wait can end here, and few do at the same time.
            Ok(job) => Box::pin(self.settle(self.kept(job), Vec::new())).await,
            Err(stopped) => stopped,
        }
    }

    /// The ended job with its deletion date: its retention, and until then the answer that an Idempotency-Key finds.
    fn kept(&self, job: Job) -> Job {
        let at_least = job.keep_until;
        job.kept_for(self.config.retention, at_least)
    }

    async fn settle(&self, job: Job, media: Vec<Media>) -> Stopped {
        let hold = match self.store.load::<Hold>(job.id.uuid().as_bytes()) {
            Ok(Some(hold)) => hold,
            Ok(None) => return self.ended_before(job.id),
            Err(error) => return Stopped::defect(error),
        };
        loop {
            match self.ledger.settle(job.clone(), hold.clone(), media.clone()).await {
                Ok(Settlement::Settled(job)) => {
                    let (state, ms) = (job.state.name(), job.updated_at.since(job.created_at).as_millis());
                    let code = job.error.as_ref().map(|error| error.code.word());
                    tracing::info!(job_id = %job.id, request_id = %job.request_id, state, ms, charged = job.charged, code, "job ended");
                    return Stopped::Ended(job);
                }
                Ok(Settlement::AlreadySettled) => return self.ended_before(job.id),
                Err(refused) if refused.code == Code::QueueFull => tokio::time::sleep(QUEUE_WAIT).await,
                Err(refused) if refused.code == Code::ShuttingDown => return Stopped::Closing,
                Err(refused) => return Stopped::defect(refused),
            }
        }
    }

    /// The job had ended already: what its row says is what happened.
    fn ended_before(&self, id: JobId) -> Stopped {
        match self.store.load::<Job>(id.uuid().as_bytes()) {
            Ok(Some(job)) if job.state.is_terminal() => Stopped::Ended(Box::new(job)),
            Ok(_) => Stopped::defect("an open job without a hold"),
            Err(error) => Stopped::defect(error),
        }
    }

    async fn keep_files(&self, outputs: Vec<Output>) -> Result<Vec<JobOutput>, Stopped> {
        let store = self.store.clone();
        let write = move || {
            let kept = |bytes: &[u8]| {
                let media = MediaId::from_uuid(Uuid::now_v7());
                store.media().write(&media.to_string(), bytes).map(|_| media)
            };
            let keep = |output: Output| {
                let companions = output.companions.iter().map(|one| {
                    let (media, bytes) = (kept(&one.bytes)?, one.bytes.len() as u64);
                    Ok(JobCompanion { variant: one.variant, media, mime: one.mime.to_owned(), bytes })
                });
                Ok(JobOutput {
                    media: kept(&output.bytes)?,
                    mime: output.mime.to_owned(),
                    bytes: output.bytes.len() as u64,
                    width: output.width,
                    height: output.height,
                    revised_prompt: output.revised_prompt.map(|text| shortened(text, Prompt::INLINE_BYTES)),
                    companions: companions.collect::<Result<_, atelier_store::MediaError>>()?,
                    seconds: output.seconds,
                    usage: output.usage,
                })
            };
            outputs.into_iter().map(keep).collect::<Result<Vec<_>, atelier_store::MediaError>>()
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(Stopped::defect)?;
        written.map_err(Stopped::defect)
    }

    fn after(&self, job: &Job, transition: Transition) -> Result<Job, Stopped> {
        job.after(transition, self.clock.now()).map_err(Stopped::defect)
    }
}
