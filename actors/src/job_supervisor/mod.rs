//! The job supervisor: lets jobs in, keeps one child per live job, takes them up again after a crash of the child or of the
//! whole process. Starting fresh and starting after a crash are the same code.

mod board;
mod listing;
mod messages;
mod policy;
mod submit;

pub(crate) use board::Live;
pub use board::{News, Watch};
pub use listing::{Again, JobFilter, JobPage};
pub(crate) use submit::{Idempotency, idempotency_place, mismatch, places, prompt_file, prompt_owner};
pub use submit::{NewJob, Submitted};

use crate::{
    account_pool::Pool,
    bulletin::Bulletin,
    credit_ledger::Ledger,
    generation::{Crew, Exit, Generation, HeadStart, JobsConfig},
    media_library::Budget,
    refused::Refused,
    system::{Units, Vital},
};
use actix::{Actor, Addr, AsyncContext, Context, MailboxError, dev::SendError};
use atelier_domain::{
    engine::Engine,
    ids::{JobId, KeyId},
    job::{Job, JobOutput},
    media::Media,
    time::Clock,
};
use atelier_store::{Batch, CommitError, Expect, Scan, Store, Table};
use board::Board;
use messages::{Drain, Resume, Submit};
use policy::{Door, Recent};
use std::{collections::HashMap, sync::Arc};
use submit::Undecided;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How often a generation that died is built again before its job fails.
pub(crate) const MAX_REBUILDS: u32 = 3;

/// What the supervisor works with.
pub struct Parts {
    /// Where rows are.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Engines by name.
    pub engines: HashMap<String, Arc<dyn Engine>>,
    /// Who lends accounts.
    pub pool: Pool,
    /// Who moves credit.
    pub ledger: Ledger,
    /// Bounds and times.
    pub config: JobsConfig,
    /// What a key may keep of its uploads.
    pub budget: Budget,
    /// Where children live.
    pub units: Units,
}

/// How the façade speaks to jobs.
#[derive(Clone)]
pub struct Jobs {
    addr: Addr<JobSupervisor>,
    board: Arc<Board>,
    store: Store,
}

impl Jobs {
    /// Starts the supervisor. It takes no job before [`Jobs::resume`].
    pub fn start(parts: Parts) -> Self {
        let (board, store) = (Arc::<Board>::default(), parts.store.clone());
        let (shown, core) = (board.clone(), parts.units.core().clone());
        let addr = JobSupervisor::start_in_arbiter(&core, move |ctx| {
            ctx.set_mailbox_capacity(16_384);
            JobSupervisor::new(parts, shown, ctx)
        });
        Self { addr, board, store }
    }

    /// From now on this is told of every job that is accepted or moves. Only the first one is.
    pub fn tell(&self, bulletin: Bulletin) {
        self.board.tell(bulletin);
    }

    /// Takes up every open job of the store; returns how many.
    pub async fn resume(&self) -> Result<usize, Refused> {
        self.addr.send(Resume).await?
    }

    /// Hands in a job, or finds the one that answers for a repeated request.
    pub async fn submit(&self, new: NewJob) -> Result<Submitted, Refused> {
        let (answer, answered) = oneshot::channel();
        self.addr.try_send(Submit { new: Box::new(new), answer }).map_err(|error| match error {
            SendError::Full(_) => Refused::busy(),
            SendError::Closed(_) => MailboxError::Closed.into(),
        })?;
        // Once handed in it is waited for without a limit: a refusal must never hide a job that was accepted after it.
        answered.await.unwrap_or_else(|_| Err(MailboxError::Closed.into()))
    }

    /// A key's own job; none for an unknown id and for somebody else's.
    pub fn get(&self, key: KeyId, id: JobId) -> Result<Option<Arc<Job>>, Refused> {
        let job = match self.board.get(id) {
            Some(live) => Some(live.job()),
            None => self.store.load::<Job>(id.uuid().as_bytes())?.map(Arc::new),
        };
        Ok(job.filter(|job| job.key == key && !job.forgotten))
    }

    /// A view that follows a key's own job to its end.
    pub fn watch(&self, key: KeyId, id: JobId) -> Result<Option<Watch>, Refused> {
        if let Some(live) = self.board.get(id) {
            return Ok((live.job().key == key).then(|| live.watch()));
        }
        Ok(self.get(key, id)?.map(Watch::of_ended))
    }

    /// Ends a key's own job as far as the engine can, and waits until it has ended; none for an id that is not the key's.
    pub async fn cancel(&self, key: KeyId, id: JobId) -> Result<Option<Arc<Job>>, Refused> {
        let Some(mut watch) = self.watch(key, id)? else { return Ok(None) };
        if let Some(live) = self.board.get(id) {
            live.cancel();
        }
        let ended = watch.end().await.unwrap_or_else(|| watch.job());
        Ok(Some(ended))
    }

    /// A key's jobs, from the newest or the oldest on, after one of them.
    pub fn list(
        &self,
        key: KeyId,
        listed: Listed,
        (after, newest_first): (Option<JobId>, bool),
        limit: usize,
    ) -> Result<Vec<Arc<Job>>, Refused> {
        let mut scan = Scan::prefix(key.uuid().as_bytes().to_vec()).limit(limit);
        if newest_first {
            scan = scan.reverse();
        }
        if let Some(after) = after {
            scan = scan.after(submit::place_of(key, after));
        }
        let mut jobs = Vec::new();
        for (place, _) in self.store.scan(listed.table(), scan)? {
            let id = place.get(16..).and_then(|id| Uuid::from_slice(id).ok()).map(JobId::from_uuid);
            if let Some(id) = id {
                jobs.extend(self.get(key, id)?);
            }
        }
        Ok(jobs)
    }

    /// Ends a key's own job as far as the engine can, and shows it to nobody from then on; its files go with the janitor's next
    /// walk. False for an id that is not the key's.
    pub async fn forget(&self, key: KeyId, id: JobId) -> Result<bool, Refused> {
        let Some(ended) = self.cancel(key, id).await? else { return Ok(false) };
        if !ended.state.is_terminal() {
            return Err(MailboxError::Closed.into());
        }
        // The janitor may be faster, first with the files and then with the job.
        for _ in 0..2 {
            match self.store.submit(self.forgetting(&ended)?).await {
                Ok(_) => return Ok(true),
                Err(CommitError::Refused { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(false)
    }

    /// What ends the time of an ended job and of those of its files that are still there.
    fn forgetting(&self, ended: &Job) -> Result<Batch, Refused> {
        let job = Job { forgotten: true, keep_until: Some(ended.updated_at), ..ended.clone() };
        let mut batch = Batch::new();
        batch.put_row(job.id.uuid().as_bytes(), &job, Expect::Present).map_err(Refused::internal)?;
        for (table, place) in places(&job) {
            batch.delete(table, place);
        }
        for place in job.outputs.iter().flat_map(JobOutput::files).map(|file| file.uuid()) {
            if let Some(media) = self.store.load::<Media>(place.as_bytes())? {
                let gone = Media { expires_at: Some(ended.updated_at), ..media };
                batch.put_row(place.as_bytes(), &gone, Expect::Present).map_err(Refused::internal)?;
            }
        }
        Ok(batch)
    }

    /// Every live job, whoever's, latest first.
    pub fn live(&self) -> Vec<Arc<Job>> {
        let mut jobs = self.board.jobs();
        jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id));
        jobs
    }

    /// How many jobs are live.
    pub fn open(&self) -> usize {
        self.board.len()
    }

    /// From now on no job is let in; those that run go on.
    pub async fn drain(&self) -> Result<(), Refused> {
        Ok(self.addr.send(Drain).await?)
    }
}

/// Which of a key's jobs are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// All of them.
    All,
    /// Those that make videos.
    Videos,
}

impl Listed {
    const fn table(self) -> Table {
        match self {
            Self::All => Table::KeyJobs,
            Self::Videos => Table::Videos,
        }
    }
}

struct Child {
    key: KeyId,
    rebuilds: u32,
}

struct JobSupervisor {
    parts: Arc<Parts>,
    crew: Arc<Crew>,
    board: Arc<Board>,
    children: HashMap<JobId, Child>,
    door: Door,
    recent: Recent,
    /// Idempotency-Keys of jobs whose acceptance is not on disk yet, though their rows may be read already.
    undecided: HashMap<Vec<u8>, Undecided>,
    draining: bool,
    resumed: bool,
    _vital: Vital,
}

impl JobSupervisor {
    fn new(parts: Parts, board: Arc<Board>, ctx: &mut Context<Self>) -> Self {
        #[allow(clippy::disallowed_methods, reason = "bounded by the children: each reports its exit once")]
        let (exits, reports) = mpsc::unbounded_channel();
        ctx.add_stream(futures_util::stream::unfold(reports, async |mut reports| {
            reports.recv().await.map(|exit: Exit| (exit, reports))
        }));
        let crew = Arc::new(Crew {
            store: parts.store.clone(),
            clock: parts.clock.clone(),
            engines: parts.engines.clone(),
            pool: parts.pool.clone(),
            ledger: parts.ledger.clone(),
            config: parts.config.clone(),
            exits,
        });
        let door = Door::new(parts.config.max_open);
        Self {
            parts: Arc::new(parts),
            crew,
            board,
            children: HashMap::new(),
            door,
            recent: Recent::default(),
            undecided: HashMap::new(),
            draining: false,
            resumed: false,
            _vital: Vital("job supervisor"),
        }
    }

    /// Gives a job its child. A child is built from the row alone, whether the job is new or taken up again.
    fn raise(&mut self, live: Arc<Live>, rebuilds: u32, head_start: Option<HeadStart>) {
        let job = live.job();
        live.announce();
        self.children.insert(job.id, Child { key: job.key, rebuilds });
        Generation::start(self.crew.clone(), live, rebuilds, head_start, self.parts.units.runner());
    }

    /// A job has ended: its place is free before anybody sees the end.
    fn bury(&mut self, job: Job) {
        if let Some(live) = self.forget(job.id) {
            live.show(job);
        }
    }

    /// Nobody works on the job any more. Whoever still follows it is told by the closed channel, once the returned view is gone.
    fn forget(&mut self, id: JobId) -> Option<Arc<Live>> {
        if let Some(child) = self.children.remove(&id) {
            self.door.leave(child.key);
        }
        self.board.remove(id)
    }
}

impl Actor for JobSupervisor {
    type Context = Context<Self>;
}
