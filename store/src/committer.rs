//! The one writer: takes the batches that wait, makes them one group, puts it on disk, and answers them together.
//!
//! One dedicated thread, fed by a bounded queue. Per group: the change log, then one transaction, then the flush with its
//! guards, then the answers. Once a group has begun to go to disk there is no way back: if a step fails, or the thread panics,
//! memory and disk may differ, and the process ends. A restart from disk is safer than going on.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::batch::{Batch, Receipt};
use crate::chain::Head;
use crate::change_log::ChangeLog;
use crate::error::CommitError;
use crate::group::CommitState;
use crate::open::OnFatal;
use crate::overlay::{Overlay, Rejected};
use crate::trees::Trees;

/// Most batches in one group.
const GROUP_BATCHES: usize = 4096;
/// A group takes no further batch once it has this many bytes.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

type Answer = Result<Receipt, CommitError>;

/// What comes through the queue.
pub(crate) enum Command {
    Commit(Batch, oneshot::Sender<Answer>),
    /// There is something among the controls.
    Wake,
}

/// What is asked of the committer between two groups.
pub(crate) enum Control {
    /// Tells what is committed; after `rotate`, what comes later goes to a new change log file.
    Mark { rotate: bool, reply: std::sync::mpsc::SyncSender<std::io::Result<Mark>> },
    /// Commits what is queued and ends.
    Stop,
}

/// A point between two groups.
pub(crate) struct Mark {
    pub(crate) state: CommitState,
    /// The change log file that groups after this point go to.
    pub(crate) log: std::path::PathBuf,
}

/// What the committer shares with the store's handles.
pub(crate) struct Shared {
    pub(crate) trees: Trees,
    pub(crate) controls: Mutex<VecDeque<Control>>,
    pub(crate) head: Mutex<Head>,
    pub(crate) groups: AtomicU64,
    pub(crate) log_bytes: AtomicU64,
    pub(crate) on_fatal: OnFatal,
}

struct Committer {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Command>,
    log: ChangeLog,
    state: CommitState,
    head: Head,
}

/// Starts the thread. It ends after [`Control::Stop`], when the queue is empty.
pub(crate) fn spawn(
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Command>,
    log: ChangeLog,
    state: CommitState,
    head: Head,
) -> std::io::Result<JoinHandle<()>> {
    shared.publish(state.seq, head, log.bytes());
    let on_fatal = shared.on_fatal.clone();
    let mut committer = Committer { shared, queue, log, state, head };
    std::thread::Builder::new().name("atelier-committer".into()).spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| committer.run()));
        // In this order, nobody can be left waiting for an answer to a control.
        committer.queue.close();
        committer.shared.take_controls();
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(detail)) => on_fatal(&detail),
            Err(_) => on_fatal("the committer panicked"),
        }
    })
}

impl Shared {
    fn take_controls(&self) -> VecDeque<Control> {
        std::mem::take(&mut *self.controls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, seq: u64, head: Head, log_bytes: u64) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        self.groups.store(seq, Ordering::Release);
        self.log_bytes.store(log_bytes, Ordering::Relaxed);
    }
}

impl Committer {
    fn run(&mut self) -> Result<(), String> {
        let mut group = Vec::new();
        while self.take(&mut group) {
            metrics::gauge!("atelier_commit_queue").set(self.queue.len() as f64);
            self.obey();
            if !group.is_empty() {
                self.commit(std::mem::take(&mut group))?;
            }
        }
        Ok(())
    }

    /// Waits for something to do. False when there is nothing more and never will be.
    fn take(&mut self, group: &mut Vec<(Batch, oneshot::Sender<Answer>)>) -> bool {
        let mut bytes = 0;
        let mut next = self.queue.blocking_recv();
        let any = next.is_some();
        // Whoever is ready to hand in a batch does so first: each group costs a sync, however many are in it.
        std::thread::yield_now();
        while let Some(command) = next {
            if let Command::Commit(batch, answer) = command {
                bytes += batch.bytes();
                group.push((batch, answer));
            }
            next = if group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
                self.queue.try_recv().ok()
            } else {
                None
            };
        }
        any
    }

    fn obey(&mut self) {
        for control in self.shared.take_controls() {
            match control {
                Control::Mark { rotate, reply } => {
                    let rotated = if rotate { self.log.rotate(self.state.seq + 1) } else { Ok(()) };
                    let mark = Mark { state: self.state.clone(), log: self.log.path().to_owned() };
                    // Whoever asked may have given up.
                    let _ = reply.send(rotated.map(|()| mark));
                }
                // What is queued is still taken; then the queue ends.
                Control::Stop => self.queue.close(),
            }
        }
    }

    fn commit(&mut self, group: Vec<(Batch, oneshot::Sender<Answer>)>) -> Result<(), String> {
        let started = Instant::now();
        metrics::histogram!("atelier_commit_group_size").record(group.len() as f64);
        let mut answers = Vec::with_capacity(group.len());
        let written = self.write(group, &mut answers);
        for (answer, result) in answers {
            let result = match &written {
                Ok(()) => result,
                Err(detail) => Err(CommitError::Io(detail.clone())),
            };
            // A caller that stopped waiting does not undo its batch.
            let _ = answer.send(result);
        }
        metrics::histogram!("atelier_commit_seconds").record(started.elapsed());
        written
    }

    fn write(
        &mut self,
        group: Vec<(Batch, oneshot::Sender<Answer>)>,
        answers: &mut Vec<(oneshot::Sender<Answer>, Answer)>,
    ) -> Result<(), String> {
        let seq = self.state.seq + 1;
        let mut overlay = Overlay::new(&self.shared.trees, self.head);
        for (batch, answer) in group {
            let result = match overlay.accept(batch) {
                Ok(receipt) => Ok(Receipt { group: seq, ..receipt }),
                Err(Rejected::Refused { op, reason }) => Err(CommitError::Refused { op, reason }),
                Err(Rejected::Failed(error)) => {
                    answers.push((answer, Err(CommitError::Closed)));
                    return Err(format!("read failed: {error}"));
                }
            };
            answers.push((answer, result));
        }
        let head = overlay.head();
        let (images, tallies) = overlay.finish(self.state.tallies.clone());
        let accepted = answers.iter().any(|(_, result)| result.is_ok());
        if images.is_empty() && !accepted {
            return Ok(());
        }
        let state = CommitState { seq, tallies };
        self.log
            .append(&state, &images)
            .map_err(|error| format!("write to the change log failed: {error}"))?;
        self.shared.trees.apply(&state, &images).map_err(|error| format!("transaction failed: {error}"))?;
        self.shared.trees.make_durable().map_err(|error| format!("flush failed: {error}"))?;
        self.state = state;
        self.head = head;
        self.shared.publish(seq, head, self.log.bytes());
        Ok(())
    }
}
