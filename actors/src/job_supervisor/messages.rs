//! What the supervisor is told besides a new job, and what it does with each.

use super::{JobSupervisor, MAX_REBUILDS};
use crate::{
    generation::{Exit, ExitKind},
    refused::Refused,
};
use actix::{Handler, Message, StreamHandler};
use atelier_domain::{credit::Hold, ids::JobId, job::Job};
use std::sync::Arc;

pub(super) use super::submit::Submit;

#[derive(Message)]
#[rtype(result = "Result<usize, Refused>")]
pub(super) struct Resume;

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Cancel(pub JobId);

#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

impl Handler<Resume> for JobSupervisor {
    type Result = Result<usize, Refused>;

    /// Reads the open holds: each is a job that has not ended. Blocking here is right: nothing may be let in before.
    fn handle(&mut self, _: Resume, _: &mut Self::Context) -> Self::Result {
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
                    self.recent.remember(job.key, &job.body_hash, id, job.created_at);
                    self.raise(Arc::new(job), 0);
                }
                None => tracing::error!(job_id = %id, "a hold without its job: run `atelier ledger verify`"),
            }
        }
        self.resumed = true;
        Ok(open.len())
    }
}

impl Handler<Cancel> for JobSupervisor {
    type Result = ();

    fn handle(&mut self, Cancel(id): Cancel, _: &mut Self::Context) {
        if let Some(live) = self.board.get(id) {
            live.cancel();
        }
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
            ExitKind::Ended => self.bury(exit.job),
            // The store is closing: the row stays as it is, and the next start takes it up.
            ExitKind::Suspended => {}
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
            Ok(Some(job)) if job.state.is_terminal() => {
                if let Some(live) = self.board.get(id) {
                    live.show(job);
                }
                self.bury(id);
            }
            Ok(Some(job)) if rebuilds <= MAX_REBUILDS + 1 => {
                if let Some(live) = self.board.get(id) {
                    live.show(job.clone());
                }
                self.raise(Arc::new(job), rebuilds);
            }
            other => tracing::error!(job_id = %id, found = other.is_ok(), "a generation cannot be built again"),
        }
    }
}
