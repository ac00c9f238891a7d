//! The job state machine as a pure function: what may follow what, and what changes with it.

use super::{Job, JobError, JobOutput, JobState};
use crate::{credit::Credits, engine::UpstreamHandle, ids::AccountId, time::Millis};
use std::time::Duration;

/// Something that happens to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// An attempt begins at this account over this route; written before the request leaves.
    Submit {
        /// The lender of the attempt.
        account: AccountId,
        /// Index into the job's routes.
        route: usize,
    },
    /// The upstream accepted; its handle is kept before it is used.
    Accept(UpstreamHandle),
    /// The upstream is this far, in percent: kept for jobs that take minutes, so that a restart does not take it back.
    Progress(u8),
    /// The upstream is done and the results are on their way in.
    Fetch,
    /// The attempt ended in a fault that another attempt may outlive: back in line.
    Requeue,
    /// Results are stored; this is what was charged.
    Complete {
        /// The files, at least one.
        outputs: Vec<JobOutput>,
        /// The charge.
        charged: Credits,
    },
    /// It ends without a result.
    Fail(JobError),
    /// Its owner ends it.
    Cancel,
}

/// A transition that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {from} cannot {what}")]
pub struct IllegalTransition {
    from: &'static str,
    what: &'static str,
}

impl Transition {
    const fn verb(&self) -> &'static str {
        match self {
            Self::Submit { .. } => "submit",
            Self::Accept(_) => "be accepted upstream",
            Self::Progress(_) => "get on",
            Self::Fetch => "fetch",
            Self::Requeue => "be queued again",
            Self::Complete { .. } => "complete",
            Self::Fail(_) => "fail",
            Self::Cancel => "be cancelled",
        }
    }

    fn leads_from(&self, from: JobState) -> bool {
        use JobState::{Fetching, Queued, Running, Submitting};
        match self {
            Self::Submit { .. } => from == Queued,
            Self::Accept(_) => from == Submitting,
            Self::Progress(_) => from == Running,
            Self::Fetch => matches!(from, Submitting | Running | Fetching),
            Self::Requeue => matches!(from, Submitting | Running),
            Self::Complete { outputs, .. } => from == Fetching && !outputs.is_empty(),
            Self::Fail(_) | Self::Cancel => !from.is_terminal(),
        }
    }
}

impl Job {
    /// The job after `transition`, or why that cannot happen now.
    pub fn after(&self, transition: Transition, now: Millis) -> Result<Self, IllegalTransition> {
        if !transition.leads_from(self.state) {
            return Err(IllegalTransition { from: self.state.name(), what: transition.verb() });
        }
        let mut next = self.clone();
        next.updated_at = now.max(self.updated_at);
        match transition {
            Transition::Submit { account, route } => {
                next.state = JobState::Submitting;
                next.attempt += 1;
                next.account = Some(account);
                next.route = route;
                next.handle = None;
            }
            Transition::Accept(handle) => {
                next.state = JobState::Running;
                next.handle = Some(handle);
            }
            Transition::Progress(percent) => next.progress = next.progress.max(percent.min(99)),
            Transition::Fetch => next.state = JobState::Fetching,
            Transition::Requeue => {
                next.state = JobState::Queued;
                next.account = None;
                next.handle = None;
            }
            Transition::Complete { outputs, charged } => {
                next.progress = 100;
                next.outputs = outputs;
                next.charged = charged;
                next.end(JobState::Completed);
            }
            Transition::Fail(error) => {
                next.error = Some(error);
                next.end(JobState::Failed);
            }
            Transition::Cancel => next.end(JobState::Cancelled),
        }
        Ok(next)
    }

    fn end(&mut self, state: JobState) {
        self.state = state;
        self.ended_at = Some(self.updated_at);
        if state != JobState::Completed {
            self.handle = None;
        }
    }

    /// The same job with its deletion date set: `retention` after its end, or later where `at_least` says so.
    #[must_use]
    pub fn kept_for(mut self, retention: Duration, at_least: Option<Millis>) -> Self {
        let end = self.ended_at.unwrap_or(self.updated_at) + retention;
        self.keep_until = Some(at_least.map_or(end, |least| least.max(end)));
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{code::Code, ids::JobId, job::fixture};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn account() -> AccountId {
        AccountId::from_uuid(Uuid::from_u128(9))
    }

    fn any_transition() -> impl Strategy<Value = Transition> {
        let failure = JobError { code: Code::Timeout, message: "late".into(), class: None };
        let output = JobOutput {
            media: crate::ids::MediaId::from_uuid(Uuid::from_u128(3)),
            mime: "image/png".into(),
            bytes: 1,
            width: 1,
            height: 1,
            revised_prompt: None,
            companions: vec![],
            seconds: None,
            usage: None,
        };
        prop_oneof![
            Just(Transition::Submit { account: account(), route: 0 }),
            Just(Transition::Accept(serde_json::json!({"id": 1}))),
            any::<u8>().prop_map(Transition::Progress),
            Just(Transition::Fetch),
            Just(Transition::Requeue),
            Just(Transition::Complete { outputs: vec![output], charged: 1 }),
            Just(Transition::Fail(failure)),
            Just(Transition::Cancel),
        ]
    }

    proptest! {
        #[test]
        fn no_history_leaves_a_terminal_state_or_lets_progress_fall(steps in proptest::collection::vec(any_transition(), 0..40)) {
            let mut job = fixture(JobId::from_uuid(Uuid::from_u128(1)));
            for (at, step) in steps.into_iter().enumerate() {
                let after = job.after(step, Millis(1000 + at as i64));
                if job.state.is_terminal() {
                    prop_assert!(after.is_err());
                }
                if let Ok(next) = after {
                    prop_assert!(next.progress >= job.progress && next.updated_at >= job.updated_at);
                    prop_assert_eq!(next.progress == 100, next.state == JobState::Completed);
                    prop_assert_eq!(next.ended_at.is_some(), next.state.is_terminal());
                    let keeps = matches!(next.state, JobState::Fetching | JobState::Completed) && job.handle.is_some();
                    prop_assert_eq!(next.handle.is_some(), next.state == JobState::Running || keeps);
                    job = next;
                }
            }
        }
    }

    #[test]
    fn a_job_cannot_complete_without_having_been_fetched() {
        let job = fixture(JobId::from_uuid(Uuid::from_u128(1)));
        let error = job.after(Transition::Complete { outputs: vec![], charged: 0 }, Millis(1)).unwrap_err();
        assert_eq!(error.to_string(), "a job that is queued cannot complete");
    }

    #[test]
    fn idempotency_outlives_retention() {
        let job =
            fixture(JobId::from_uuid(Uuid::from_u128(1))).after(Transition::Cancel, Millis(5_000)).unwrap();
        assert_eq!(job.clone().kept_for(Duration::from_secs(10), None).keep_until, Some(Millis(15_000)));
        assert_eq!(
            job.kept_for(Duration::from_secs(10), Some(Millis(60_000))).keep_until,
            Some(Millis(60_000))
        );
    }
}
