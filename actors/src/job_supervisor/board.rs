//! The board of live jobs: the latest state of each, shared with whoever reads, and a bell for whoever waits.

use crate::bulletin::{Bulletin, Change};
use atelier_domain::{
    engine::EngineEvent,
    ids::JobId,
    job::{Job, JobKind, JobState},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
};
use tokio::sync::{Notify, broadcast, watch};

/// One live job as others see it.
pub(crate) struct Live {
    state: watch::Sender<Arc<Job>>,
    previews: Option<broadcast::Sender<EngineEvent>>,
    cancel: AtomicBool,
    bell: Notify,
    /// The furthest that an engine said of a job whose progress is kept, in percent.
    reported: AtomicU8,
    climb: Notify,
    /// The attempt that the upstream has finished, while its result is brought home; 0: none.
    made: AtomicU32,
    /// Where its moves are told.
    bulletin: OnceLock<Bulletin>,
}

/// Progress that is kept is kept in steps of so many percent: each is a write.
const STEP: u8 = 5;

impl Live {
    pub(crate) fn new(job: Arc<Job>) -> Arc<Self> {
        metrics::gauge!("atelier_jobs", "state" => job.state.name()).increment(1);
        // Room for every preview of the job: a reader as slow as can be misses none.
        let most = job.work.previews();
        let previews = (most > 0).then(|| broadcast::channel(most).0);
        Arc::new(Self {
            state: watch::Sender::new(job),
            previews,
            cancel: AtomicBool::new(false),
            bell: Notify::new(),
            reported: AtomicU8::new(0),
            climb: Notify::new(),
            made: AtomicU32::new(0),
            bulletin: OnceLock::new(),
        })
    }

    /// The job as last committed (progress may be newer than its row).
    pub(crate) fn job(&self) -> Arc<Job> {
        self.state.borrow().clone()
    }

    /// Shows a committed state. Progress that was reported meanwhile stays.
    pub(crate) fn show(&self, mut job: Job) {
        let (before, after) = (self.state.borrow().state, job.state);
        if before != after {
            metrics::gauge!("atelier_jobs", "state" => before.name()).decrement(1);
            if after.is_terminal() {
                let code = job.error.as_ref().map_or("none", |error| error.code.word());
                metrics::counter!("atelier_jobs_ended_total", "state" => after.name(), "code" => code)
                    .increment(1);
            } else {
                metrics::gauge!("atelier_jobs", "state" => after.name()).increment(1);
            }
        }
        self.state.send_modify(|shown| {
            job.progress = job.progress.max(shown.progress);
            *shown = Arc::new(job);
        });
        self.announce();
    }

    /// Tells how it stands.
    pub(crate) fn announce(&self) {
        if let Some(bulletin) = self.bulletin.get() {
            bulletin.tell(Change::Job(self.job()));
        }
    }

    /// Takes a report of an engine about an attempt: progress only ever rises, previews go to whoever listens.
    pub(crate) fn report(&self, attempt: u32, event: EngineEvent) {
        if self.state.borrow().attempt != attempt {
            // An attempt that was given up cannot always be stopped at once.
            return;
        }
        match event {
            EngineEvent::Progress(percent) if self.state.borrow().work.kind() == JobKind::Video => {
                self.reported.fetch_max(percent.min(99), Ordering::AcqRel);
                self.climb.notify_one();
            }
            EngineEvent::Progress(percent) => {
                self.state.send_if_modified(|job| {
                    let percent = percent.min(99);
                    let news = job.state == JobState::Running && percent > job.progress;
                    if news {
                        Arc::make_mut(job).progress = percent;
                    }
                    news
                });
            }
            EngineEvent::Made => self.made.store(attempt, Ordering::Release),
            preview @ EngineEvent::Partial { .. } => {
                if let Some(previews) = &self.previews {
                    // Nobody listening is fine.
                    let _ = previews.send(preview);
                }
            }
        }
    }

    /// Resolves to the next step of a running job's progress that is to be kept before it is shown. Never for images, whose progress
    /// is shown at once and not kept: they take seconds.
    pub(crate) async fn climbed(&self) -> u8 {
        loop {
            let step = self.reported.load(Ordering::Acquire) / STEP * STEP;
            let is_news = {
                let job = self.state.borrow();
                job.state == JobState::Running && step > job.progress
            };
            if is_news {
                return step;
            }
            self.climb.notified().await;
        }
    }

    /// Whether the upstream has finished this attempt.
    pub(crate) fn is_made(&self, attempt: u32) -> bool {
        // Attempts count from 1; 0 means that none began.
        attempt > 0 && self.made.load(Ordering::Acquire) == attempt
    }

    /// Asks the generation to stop; remembered while it is busy, and by the one that takes over when it dies.
    pub(crate) fn cancel(&self) {
        self.cancel.store(true, Ordering::Release);
        self.bell.notify_one();
    }

    /// Resolves once [`Live::cancel`] was called.
    pub(crate) async fn cancelled(&self) {
        while !self.cancel.load(Ordering::Acquire) {
            self.bell.notified().await;
        }
    }

    pub(crate) fn watch(&self) -> Watch {
        let state = self.state.subscribe();
        let over = state.borrow().state.is_terminal();
        Watch { state, previews: self.previews.as_ref().map(broadcast::Sender::subscribe), over }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let state = self.state.borrow().state;
        if !state.is_terminal() {
            metrics::gauge!("atelier_jobs", "state" => state.name()).decrement(1);
        }
    }
}

/// What comes next on a watched job.
#[derive(Debug, Clone)]
pub enum News {
    /// A preview of an output.
    Preview(EngineEvent),
    /// A newer state.
    State(Arc<Job>),
}

/// A view of one job that follows it to its end.
pub struct Watch {
    state: watch::Receiver<Arc<Job>>,
    previews: Option<broadcast::Receiver<EngineEvent>>,
    /// The end was told.
    over: bool,
}

impl Watch {
    /// A view of a job that nobody works on, because it has ended or because the gateway is closing: it never changes.
    pub(crate) fn of_ended(job: Arc<Job>) -> Self {
        Self { state: watch::Sender::new(job).subscribe(), previews: None, over: true }
    }

    /// Whether the job ended without a result.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.state.borrow().state, JobState::Failed | JobState::Cancelled)
    }

    /// The latest state.
    pub fn job(&self) -> Arc<Job> {
        self.state.borrow().clone()
    }

    /// The same view without the previews.
    #[must_use]
    pub(crate) fn without_previews(mut self) -> Self {
        self.previews = None;
        self
    }

    /// Whether there is nothing more to wait for: the end was told, or had come before the view was taken.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Waits for the next state or preview; none after the end, or when the gateway stops before it.
    pub async fn next(&mut self) -> Option<News> {
        while !self.over {
            let Some(previews) = &mut self.previews else { return self.next_state().await };
            tokio::select! {
                // A preview that was made before the end is told before the end.
                biased;
                preview = previews.recv() => match preview {
                    Ok(event) => return Some(News::Preview(event)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => self.previews = None,
                },
                changed = self.state.changed() => {
                    changed.ok()?;
                    return Some(self.told());
                }
            }
        }
        None
    }

    async fn next_state(&mut self) -> Option<News> {
        self.state.changed().await.ok()?;
        Some(self.told())
    }

    fn told(&mut self) -> News {
        let job = self.state.borrow_and_update().clone();
        self.over = job.state.is_terminal();
        News::State(job)
    }

    /// Waits for the end; none when the gateway stops before it.
    pub async fn end(&mut self) -> Option<Arc<Job>> {
        self.state.wait_for(|job| job.state.is_terminal()).await.ok().map(|job| job.clone())
    }
}

/// All live jobs. Reads take no message, so a poll costs a lock and a clone of a pointer.
#[derive(Default)]
pub(crate) struct Board {
    bulletin: OnceLock<Bulletin>,
    live: Mutex<HashMap<JobId, Arc<Live>>>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Live>>> {
        // The map is consistent between any two of its operations, so a panic elsewhere does not spoil it.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, id: JobId) -> Option<Arc<Live>> {
        self.lock().get(&id).cloned()
    }

    pub(crate) fn tell(&self, bulletin: Bulletin) {
        let _ = self.bulletin.set(bulletin);
    }

    pub(crate) fn put(&self, id: JobId, live: Arc<Live>) {
        if let Some(bulletin) = self.bulletin.get() {
            let _ = live.bulletin.set(bulletin.clone());
        }
        self.lock().insert(id, live);
    }

    pub(crate) fn remove(&self, id: JobId) -> Option<Arc<Live>> {
        self.lock().remove(&id)
    }

    /// Every live job as it is now.
    pub(crate) fn jobs(&self) -> Vec<Arc<Job>> {
        self.lock().values().map(|live| live.job()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
