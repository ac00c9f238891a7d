//! What the supervisor is told besides a new job, and what it does with each.

use super::{
    JobSupervisor, Live, MAX_REBUILDS,
    policy::{Body, MAX_RECENT, RETRY_WINDOW},
};
use crate::{
    generation::{Exit, ExitKind},
    refused::Refused,
};
use actix::{Handler, Message, StreamHandler};
use atelier_domain::{credit::Hold, ids::JobId, job::Job, time::Millis};
use atelier_store::{ReadError, Scan};
use std::sync::Arc;

pub(super) use super::submit::Submit;

/// Young jobs read at once at start.
const PAGE: usize = 1_000;

#[derive(Message)]
#[rtype(result = "Result<usize, Refused>")]
pub(super) struct Resume;

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

impl Handler<Resume> for JobSupervisor {
    type Result = Result<usize, Refused>;

    /// Reads the open holds: each is a job that has not ended. Blocking here is right: nothing may be let in before.
    fn handle(&mut self, _: Resume, _: &mut Self::Context) -> Self::Result {
        if self.resumed {
            return Ok(self.children.len());
        }
        let store = self.parts.store.clone();
        let mut open = Vec::new();
        store.for_each_row::<Hold>(|_, hold| {
            open.push(hold.job);
            Ok(())
        })?;
        for &id in &open {
            match store.load::<Job>(id.uuid().as_bytes())? {
                Some(job) => {
                    self.door.readmit(job.key);
                    let live = Live::new(Arc::new(job));
                    self.board.put(id, live.clone());
                    self.raise(live, 0, None);
                }
                None => tracing::error!(job_id = %id, "a hold without its job: run `atelier ledger verify`"),
            }
        }
        if let Err(error) = self.remember_young(self.parts.clock.now()) {
            tracing::warn!(%error, "retries of requests from before the start cannot all be recognised");
        }
        self.resumed = true;
        Ok(open.len())
    }
}

impl Handler<Drain> for JobSupervisor {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.draining = true;
    }
}

impl StreamHandler<Exit> for JobSupervisor {
    fn handle(&mut self, exit: Exit, _: &mut Self::Context) {
        match exit.kind {
            ExitKind::Ended(job) => self.bury(*job),
            // The row stays as it is, and the next start takes it up.
            ExitKind::Suspended => drop(self.forget(exit.job)),
            ExitKind::Died => self.rebuild(exit.job),
        }
    }
}

impl JobSupervisor {
    /// A child died of a defect: it is built again from the store, as after a restart.
    fn rebuild(&mut self, id: JobId) {
        let rebuilds = self.children.get(&id).map_or(0, |child| child.rebuilds) + 1;
        tracing::error!(job_id = %id, rebuilds, "a generation died");
        metrics::counter!("atelier_generation_deaths_total").increment(1);
        match self.parts.store.load::<Job>(id.uuid().as_bytes()) {
            Ok(Some(job)) if job.state.is_terminal() => self.bury(job),
            // The last child only fails the job.
            Ok(Some(job)) if rebuilds <= MAX_REBUILDS + 1 => {
                let Some(live) = self.board.get(id) else { return };
                live.show(job);
                self.raise(live, rebuilds, None);
            }
            other => {
                tracing::error!(job_id = %id, found = other.is_ok(), "a job is given up until the next start");
                self.forget(id);
            }
        }
    }

    /// Young jobs answer retries across a restart, those that ended meanwhile included.
    fn remember_young(&mut self, now: Millis) -> Result<(), ReadError> {
        let mut young = Vec::new();
        let mut scan = Scan::all().reverse().limit(PAGE);
        loop {
            let page = self.parts.store.rows::<Job>(scan)?;
            let Some((last, _)) = page.last() else { break };
            scan = Scan::all().reverse().limit(PAGE).after(last.clone());
            let (rows, before) = (page.len(), young.len());
            // Ids sort by time, so the first page with older jobs is the last of interest.
            young.extend(
                page.into_iter().map(|(_, job)| job).filter(|job| now.since(job.created_at) < RETRY_WINDOW),
            );
            if young.len() - before < rows || young.len() >= MAX_RECENT {
                break;
            }
        }
        for job in young.iter().rev() {
            self.recent.remember(Body::of(job.key, &job.body_hash), job.id, job.created_at, None);
        }
        Ok(())
    }
}
