//! Handing in a job: admission, the answer for repeated requests, the hold, the child.

use super::{JobSupervisor, Live, Watch, policy::Body};
use crate::{
    account_pool::{Outcome, Pool},
    credit_ledger::Taken,
    generation::HeadStart,
    media_library::Upload,
    refused::Refused,
};
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use atelier_domain::{
    code::Code,
    ids::{JobId, KeyId},
    job::{Job, JobKind, JobState, Prompt, Route, Transition, Work},
    key::ApiKey,
    price::Price,
    response::ResponseEcho,
    time::Millis,
};
use atelier_store::{Batch, Expect, Row, Store, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

/// A checked and priced request.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Whose it is.
    pub key: Arc<ApiKey>,
    /// The path it came in by.
    pub endpoint: String,
    /// The model's own name.
    pub model: String,
    /// Where it may go.
    pub routes: Vec<Route>,
    /// What is asked for; its prompt holds the whole text here, however long.
    pub work: Work,
    /// The files that its references name: they belong to the job once it is accepted, and go away if it is not.
    pub uploads: Vec<Arc<Upload>>,
    /// The price.
    pub price: Price,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether its client waits for the result: then it is begun with its acceptance, if an account is free.
    pub awaited: bool,
    /// SHA-256 of endpoint and parsed body, in hex.
    pub body_hash: String,
    /// The client's Idempotency-Key.
    pub idempotency_key: Option<String>,
    /// Whether an SDK says that it sends this again.
    pub is_retry: bool,
    /// The request's id, for the log.
    pub request_id: String,
    /// What its answer repeats, if it answers the Responses API.
    pub echo: Option<Box<ResponseEcho>>,
}

/// A job that answers a request.
pub struct Submitted {
    /// Which job.
    pub id: JobId,
    /// Follows it.
    pub watch: Watch,
    /// An earlier request made it.
    pub replayed: bool,
}

/// What an Idempotency-Key stands for: a job, or a character of this UUID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Idempotency {
    pub job: JobId,
    pub body_hash: String,
    pub expires_at: Millis,
}

impl Row for Idempotency {
    const TABLE: Table = Table::Idempotency;
    const VERSION: u32 = 1;
}

/// A request, and where its answer goes. The answer is dropped when nobody waits for it; the job is not.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Submit {
    pub new: Box<NewJob>,
    pub answer: oneshot::Sender<Result<Submitted, Refused>>,
}

/// The place of an Idempotency-Key: per API key, of fixed length whatever the client sends.
pub(crate) fn idempotency_place(key: KeyId, idempotency_key: &str) -> Vec<u8> {
    place(key, idempotency_key)
}

fn place(key: KeyId, idempotency_key: &str) -> Vec<u8> {
    let digest = Sha256::new().chain_update(key.uuid().as_bytes()).chain_update(idempotency_key).finalize();
    digest.to_vec()
}

/// The first request with an Idempotency-Key while it is being accepted.
pub(super) struct Undecided {
    body_hash: String,
    /// Closes once the first is accepted or refused.
    deciding: watch::Receiver<()>,
}

pub(crate) fn mismatch() -> Refused {
    let message = "this Idempotency-Key was used with another body: use a new key for a new request";
    Refused::new(Code::IdempotencyMismatch, message)
}

/// What an earlier request with the same Idempotency-Key says about this one.
enum Earlier {
    /// Nothing: it may write its own row, which must meet this.
    Free(Expect),
    /// The same request: this job answers.
    Same(JobId),
}

fn earlier(store: &Store, new: &NewJob, idempotency_key: &str, now: Millis) -> Result<Earlier, Refused> {
    let Some(bytes) = store.get(Table::Idempotency, &place(new.key.id, idempotency_key))? else {
        return Ok(Earlier::Free(Expect::Absent));
    };
    let kept = Idempotency::decode(&bytes).map_err(Refused::internal)?;
    if kept.expires_at <= now {
        return Ok(Earlier::Free(Expect::Equals(bytes)));
    }
    if kept.body_hash != new.body_hash {
        return Err(mismatch());
    }
    Ok(Earlier::Same(kept.job))
}

/// What becomes of a request.
enum Begun {
    /// A new job, on the board and let in, to be committed.
    Fresh(Fresh),
    /// An earlier job answers.
    Answered(Submitted),
    /// The same request is being decided on: once this closes, it can be said.
    Behind(watch::Receiver<()>),
}

struct Fresh {
    live: Arc<Live>,
    rider: Option<Batch>,
    /// Dropped once the job is accepted or refused.
    deciding: watch::Sender<()>,
}

impl JobSupervisor {
    fn begin(&mut self, new: &NewJob, now: Millis) -> Result<Begun, Refused> {
        if self.draining || !self.resumed {
            let message = "the gateway is starting or stopping: send the request again in a moment";
            return Err(Refused::new(Code::ShuttingDown, message).retry_after(Duration::from_secs(2)));
        }
        let body = Body::of(new.key.id, &new.body_hash);
        let mut expect = None;
        if let Some(key) = &new.idempotency_key {
            // A row is seen a moment before it is on disk, and only what is on disk may be told.
            if let Some(first) = self.undecided.get(&place(new.key.id, key)) {
                return if first.body_hash == new.body_hash {
                    Ok(Begun::Behind(first.deciding.clone()))
                } else {
                    Err(mismatch())
                };
            }
            match earlier(&self.parts.store, new, key, now)? {
                Earlier::Same(job) => return self.replay(new.key.id, job).map(Begun::Answered),
                Earlier::Free(free) => expect = Some(free),
            }
        } else if let Some(sent) = new.is_retry.then(|| self.recent.find(body, now)).flatten() {
            if let Some(deciding) = &sent.deciding {
                return Ok(Begun::Behind(deciding.clone()));
            }
            if let Some(answer) =
                self.answer_of(new.key.id, sent.job)?.filter(|answer| !answer.watch.has_failed())
            {
                return Ok(Begun::Answered(answer));
            }
        }
        let job = self.job_of(new, now);
        let rider = self.rider(&job, expect, &new.uploads)?;
        self.door.enter(&new.key, now, self.parts.pool.estimate_s())?;
        let deciding = watch::Sender::new(());
        self.recent.remember(body, job.id, now, Some(deciding.subscribe()));
        if let Some(key) = &new.idempotency_key {
            let first = Undecided { body_hash: new.body_hash.clone(), deciding: deciding.subscribe() };
            self.undecided.insert(place(new.key.id, key), first);
        }
        let live = Live::new(Arc::new(job));
        // On the board before it is committed, so that whoever meets its row there also meets its view.
        self.board.put(live.job().id, live.clone());
        Ok(Begun::Fresh(Fresh { live, rider, deciding }))
    }

    /// What an earlier job says now; none when it is past its retention.
    fn answer_of(&self, key: KeyId, id: JobId) -> Result<Option<Submitted>, Refused> {
        let watch = match self.board.get(id) {
            // A repeat is told the end only.
            Some(live) => Some(live.watch().without_previews()),
            None => {
                let job = self
                    .parts
                    .store
                    .load::<Job>(id.uuid().as_bytes())?
                    .filter(|job| job.key == key && !job.forgotten);
                job.map(|job| Watch::of_ended(Arc::new(job)))
            }
        };
        Ok(watch.map(|watch| Submitted { id, watch, replayed: true }))
    }

    fn replay(&self, key: KeyId, id: JobId) -> Result<Submitted, Refused> {
        let gone = || Refused::new(Code::JobNotFound, "the job of the first request is past its retention");
        self.answer_of(key, id)?.ok_or_else(gone)
    }

    fn job_of(&self, new: &NewJob, now: Millis) -> Job {
        let mut work = new.work.clone();
        let text = work.prompt_mut().text.take().unwrap_or_default();
        *work.prompt_mut() = Prompt::of(&text);
        let idempotent_until = new.idempotency_key.is_some().then(|| now + self.parts.config.idempotency);
        Job {
            id: JobId::from_uuid(Uuid::now_v7()),
            key: new.key.id,
            endpoint: new.endpoint.clone(),
            model: new.model.clone(),
            work,
            routes: new.routes.clone(),
            state: JobState::Queued,
            progress: 0,
            created_at: now,
            updated_at: now,
            ended_at: None,
            deadline: now + new.timeout,
            keep_until: idempotent_until,
            attempt: 0,
            route: 0,
            account: None,
            handle: None,
            outputs: Vec::new(),
            price: new.price.clone(),
            metered: new.key.metered,
            charged: 0,
            error: None,
            body_hash: new.body_hash.clone(),
            idempotency_key: new.idempotency_key.clone(),
            request_id: new.request_id.clone(),
            echo: new.echo.clone(),
            forgotten: false,
        }
    }

    /// What is written with the acceptance: the Idempotency-Key, and the rows of the files that the job works from.
    fn rider(
        &self,
        job: &Job,
        expect: Option<Expect>,
        uploads: &[Arc<Upload>],
    ) -> Result<Option<Batch>, Refused> {
        let mut rider = Batch::new();
        if let (Some(key), Some(expect)) = (&job.idempotency_key, expect) {
            let expires_at = job.created_at + self.parts.config.idempotency;
            let row = Idempotency { job: job.id, body_hash: job.body_hash.clone(), expires_at };
            rider.put_row(place(job.key, key), &row, expect).map_err(Refused::internal)?;
        }
        for (table, place) in places(job) {
            rider.put(table, place, "{}");
        }
        for upload in uploads {
            let row = upload.row(job.key, Some(job.id), job.created_at);
            rider.put_row(row.id.uuid().as_bytes(), &row, Expect::Absent).map_err(Refused::internal)?;
        }
        if !uploads.is_empty() {
            self.parts.budget.take(&mut rider, job.key, uploads.iter().map(|upload| upload.bytes));
        }
        Ok((!rider.is_empty()).then_some(rider))
    }

    /// Commits a new job and answers.
    fn commit(&mut self, fresh: Fresh, submit: Submit, ctx: &mut Context<Self>) {
        let (ledger, store, job) = (self.parts.ledger.clone(), self.parts.store.clone(), fresh.live.job());
        let (pool, clock) = (submit.new.awaited.then(|| self.parts.pool.clone()), self.parts.clock.clone());
        let Fresh { live, rider, deciding } = fresh;
        let Submit { mut new, answer } = submit;
        let text = new.work.prompt_mut().text.take();
        // A process that is told to stop at once drops this while the rows are being written.
        new.uploads.iter().for_each(|upload| upload.keep());
        let commit = async move {
            keep_prompt(&store, &job, text).await.map_err(Taken::Refused)?;
            let Some(begun) = head_start(pool.as_ref(), &job).await else {
                return ledger.hold(job, rider).await.map(|_| None);
            };
            let submit = Transition::Submit { account: begun.lease.account.id, route: begun.lease.route };
            let job = job.after(submit, clock.now()).map_err(Refused::internal);
            let job = Arc::new(job.map_err(Taken::Refused)?);
            match ledger.hold(job.clone(), rider).await {
                Ok(_) => Ok(Some((job, begun))),
                Err(taken) => {
                    begun.lease.finish(Outcome::Unused);
                    Err(taken)
                }
            }
        };
        let commit = commit.into_actor(self).map(move |outcome, act, _| {
            let result = act.decided(outcome, live, &new);
            // Its files are counted by their rows now, or not at all: not twice for a moment.
            drop(new);
            drop(deciding);
            // Whoever does not wait any more finds the job by its id, or not at all.
            let _ = answer.send(result);
        });
        ctx.spawn(commit);
    }

    fn decided(
        &mut self,
        outcome: Result<Option<(Arc<Job>, HeadStart)>, Taken>,
        live: Arc<Live>,
        new: &NewJob,
    ) -> Result<Submitted, Refused> {
        let (id, key) = (live.job().id, new.key.id);
        if let Some(idempotency_key) = &new.idempotency_key {
            self.undecided.remove(&place(key, idempotency_key));
        }
        self.recent.decided(Body::of(key, &new.body_hash), id, outcome.is_ok());
        let taken = match outcome {
            Ok(begun) => {
                let watch = live.watch();
                let begun = begun.map(|(job, begun)| {
                    live.show(Job::clone(&job));
                    begun
                });
                self.raise(live, 0, begun);
                return Ok(Submitted { id, watch, replayed: false });
            }
            Err(taken) => taken,
        };
        // Who stops does not say what was written.
        if !matches!(&taken, Taken::Refused(refused) if refused.code == Code::ShuttingDown) {
            new.uploads.iter().for_each(|upload| upload.let_go());
        }
        self.door.leave(key);
        self.board.remove(id);
        self.forget_prompt(&live.job());
        match (taken, &new.idempotency_key) {
            (Taken::Refused(refused), _) => Err(refused),
            (Taken::Disk, _) => Err(self.parts.budget.exhausted()),
            // Somebody with the same Idempotency-Key was faster: their job answers.
            (Taken::Rider, Some(idempotency_key)) => {
                match earlier(&self.parts.store, new, idempotency_key, self.parts.clock.now())? {
                    Earlier::Same(job) => self.replay(key, job),
                    // What stood in the way is past its time.
                    Earlier::Free(_) => Err(Refused::busy()),
                }
            }
            (Taken::Rider, None) => Err(Refused::internal("an idempotency row without an Idempotency-Key")),
        }
    }
}

impl JobSupervisor {
    /// Removes the file of a prompt whose job was refused; if that fails, the janitor's sweep finds it.
    fn forget_prompt(&self, job: &Job) {
        if job.work.prompt().text.is_none() {
            let (store, id) = (self.parts.store.clone(), prompt_file(job.id));
            tokio::task::spawn_blocking(move || store.media().delete(&id));
        }
    }
}

async fn head_start(pool: Option<&Pool>, job: &Job) -> Option<HeadStart> {
    HeadStart::at_once(pool?, job).await
}

/// Keeps a prompt that is too long for its row in a file, before the row that speaks of it.
async fn keep_prompt(store: &Store, job: &Job, text: Option<String>) -> Result<(), Refused> {
    let (None, Some(text)) = (&job.work.prompt().text, text) else { return Ok(()) };
    let (store, id) = (store.clone(), prompt_file(job.id));
    let written = tokio::task::spawn_blocking(move || store.media().write(&id, text.as_bytes())).await;
    written.map_err(Refused::internal)?.map_err(Refused::internal).map(drop)
}

/// Where the indexes of a key's jobs name one of them.
pub(super) fn place_of(key: KeyId, job: JobId) -> Vec<u8> {
    [key.uuid().as_bytes().as_slice(), job.uuid().as_bytes()].concat()
}

/// The rows of indexes that a job has for as long as its own.
pub(crate) fn places(job: &Job) -> impl Iterator<Item = (Table, Vec<u8>)> {
    let of_video = (job.work.kind() == JobKind::Video).then_some(Table::Videos);
    let place = place_of(job.key, job.id);
    std::iter::once(Table::KeyJobs).chain(of_video).map(move |table| (table, place.clone()))
}

const PROMPT_FILE: &str = "prompt_";

/// The file that holds a job's long prompt.
pub(crate) fn prompt_file(job: JobId) -> String {
    format!("{PROMPT_FILE}{}", job.uuid().simple())
}

/// The job whose long prompt a file holds.
pub(crate) fn prompt_owner(file: &str) -> Option<JobId> {
    Uuid::try_parse(file.strip_prefix(PROMPT_FILE)?).ok().map(JobId::from_uuid)
}

impl Handler<Submit> for JobSupervisor {
    type Result = ();

    fn handle(&mut self, submit: Submit, ctx: &mut Self::Context) {
        let now = self.parts.clock.now();
        self.recent.forget_old(now);
        let result = match self.begin(&submit.new, now) {
            Ok(Begun::Fresh(fresh)) => return self.commit(fresh, submit, ctx),
            Ok(Begun::Behind(mut deciding)) => {
                let decided = async move { deciding.changed().await.is_err() };
                ctx.spawn(decided.into_actor(self).map(move |_, act, ctx| act.handle(submit, ctx)));
                return;
            }
            Ok(Begun::Answered(submitted)) => Ok(submitted),
            Err(refused) => Err(refused),
        };
        let _ = submit.answer.send(result);
    }
}
