//! What follows a fault: another attempt, or the end. Pure.

use atelier_domain::{
    code::Code,
    fault::{Fault, FaultClass},
    job::JobError,
    time::Millis,
};
use std::time::Duration;

/// What to do after a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again at that time, on whatever account is best then.
    Retry(Millis),
    /// It is over.
    Fail(JobError),
}

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How far past its deadline a job may be brought home that its upstream has made, and may have billed: a large file on a slow line,
/// behind others that are decoded first.
pub(super) const HOMECOMING: Duration = Duration::from_secs(600);

/// How long a job that is found with an upstream at a start has to come home, whatever its deadline says: a gateway that was away for
/// long must not lose what was made, and billed, in time.
pub(super) const LAST_LOOK: Duration = Duration::from_secs(60);

/// The longest public message that an upstream can cause.
const MESSAGE_BYTES: usize = 2_000;

/// Decides after attempt number `attempt` (from 1). `jitter` in 0..1 spreads retries of jobs that failed together.
pub(super) fn after_fault(fault: &Fault, attempt: u32, max_attempts: u32, now: Millis, jitter: f64) -> Next {
    if fault.class.fails_over() && attempt < max_attempts {
        return Next::Retry(now + wait(attempt, jitter));
    }
    Next::Fail(ended_by(fault))
}

/// How long to wait after the `tries`-th failure (from 1): doubling up to a cap.
pub(super) fn wait(tries: u32, jitter: f64) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    wait.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

/// The end of a job whose last attempt met this fault.
pub(super) fn ended_by(fault: &Fault) -> JobError {
    let message = shortened(fault.message.clone(), MESSAGE_BYTES);
    JobError { code: fault.public_code(), message, class: Some(fault.class) }
}

/// The end of a job that killed every child it was given.
pub(super) fn defective() -> JobError {
    let message = "the gateway met a defect of its own while it worked on this job; nothing was charged";
    JobError { code: Code::InternalError, message: message.into(), class: Some(FaultClass::Internal) }
}

/// The text, cut to at most so many bytes: what comes from an upstream must not outgrow its row.
pub(super) fn shortened(mut text: String, bytes: usize) -> String {
    let fits = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=bytes.min(text.len())).rev().find(fits).unwrap_or(0);
    text.truncate(end);
    text
}

/// The end of a job that met its deadline.
pub(super) fn out_of_time(limit: Duration) -> JobError {
    let message = format!("the job did not end within {} s; nothing was charged", limit.as_secs());
    JobError { code: Code::Timeout, message, class: None }
}

/// The end of a job whose submit got no answer and cannot be looked up.
pub(super) fn outcome_unknown() -> JobError {
    let message =
        "the request reached the engine and no answer came, so it was not sent again; nothing was charged";
    JobError {
        code: Code::SubmitOutcomeUnknown,
        message: message.into(),
        class: Some(FaultClass::UnknownOutcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faults_that_cannot_have_cost_anything_are_tried_again_and_only_so_often() {
        for class in FaultClass::ALL {
            let fault = Fault::new(class, "x");
            let next = after_fault(&fault, 1, 3, Millis(0), 0.5);
            assert_eq!(matches!(next, Next::Retry(_)), class.fails_over(), "{}", class.name());
            assert!(
                matches!(after_fault(&fault, 3, 3, Millis(0), 0.5), Next::Fail(error) if error.code == class.code())
            );
        }
    }

    #[test]
    fn waits_double_up_to_a_cap_and_jitter_stays_within_half() {
        let wait = |attempt, jitter| match after_fault(
            &Fault::new(FaultClass::Overloaded, "x"),
            attempt,
            99,
            Millis(0),
            jitter,
        ) {
            Next::Retry(at) => at.0,
            Next::Fail(_) => -1,
        };
        assert_eq!((wait(1, 1.0), wait(2, 1.0), wait(3, 1.0), wait(30, 1.0)), (200, 400, 800, 10_000));
        assert_eq!((wait(1, 0.0), wait(30, 0.0)), (100, 5_000));
    }
}
