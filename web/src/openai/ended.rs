//! Waiting for the end of a job with a client on the line. A client that leaves loses nothing: the job goes on, and the result
//! waits under its id.

use crate::{gateway::Gateway, problem::Problem};
use atelier_actors::job_supervisor::Submitted;
use atelier_domain::{
    code::Code,
    job::{Job, JobState},
};
use std::{sync::Arc, time::Duration};

/// The job once it is completed. How it failed is told as an error, so that SDKs raise it; so is that it takes longer than
/// `patience`, if the wait has a bound besides the job's own, and that the gateway is stopping: the job then goes on.
pub async fn completed(
    gateway: &Gateway,
    mut submitted: Submitted,
    patience: Option<Duration>,
) -> Result<Arc<Job>, Problem> {
    let late = |message| Problem::new(Code::RequestTimeout, message).of_job(submitted.id);
    let mut closing = gateway.closing.clone();
    let over = async {
        match patience {
            Some(patience) => tokio::time::sleep(patience).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = submitted.watch.end() => ended,
        _ = closing.wait_for(|closing| *closing) => None,
        () = over => return Err(late("it takes longer than a call may wait; the job goes on, under the id in x-job-id")),
    };
    let job = ended
        .ok_or_else(|| late("the gateway is stopping; the job goes on after it, under the id in x-job-id"))?;
    match job.state {
        JobState::Completed => Ok(job),
        _ => Err(Problem::of_ended(&job, gateway.expected_wait())),
    }
}
