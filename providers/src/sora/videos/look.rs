//! Looking how a video is doing: in the list of what is under way, then among the drafts, since it goes from the one into the other.

use super::{
    super::{
        ParseService,
        images::{failure, progress},
        mark as parse, posts,
        refusal::No,
        task::Handle,
        upstream::{Upstream, unreadable},
    },
    drafts::{self, Draft},
};
use crate::{
    desk::Desk,
    openai::{Asked, broken_off},
    outbound::{Broken, after_acceptance, no_result},
    studio::film,
};
use atelier_domain::{
    engine::{EngineEvent, EventSink, Lookup, Polled},
    fault::{Fault, FaultClass},
    size::Size,
};
use serde_json::Value;

/// The list of what is under way, and the same as older servers have it.
const PENDING: &str = "/nf/pending/v2";
const PENDING_OLDER: &str = "/nf/pending";
/// The longest file: minutes at a bit rate that nobody uses.
const LONGEST_FILE: usize = 512 << 20;
/// Looks for a task whose create got no answer.
const LOOKS: usize = 3;

/// Looks how a video is doing, and brings it home when it is done. None when no list has the task.
///
/// # Errors
/// What kept it from being learned: the task goes on.
pub(in super::super) async fn look(
    upstream: &Upstream,
    handle: &Handle,
    (size, desk): (Size, &Desk),
    (service, events): (Option<ParseService>, &EventSink),
) -> Result<Option<Polled>, Fault> {
    let is_it = |task: &Value| task.get("id").and_then(Value::as_str) == Some(&handle.task);
    if let Some(task) = pending(upstream).await?.iter().find(|task| is_it(task)) {
        return Ok(Some(under_way(upstream, task)));
    }
    let Some(draft) = drafts::of_task(upstream, &handle.task, drafts::LATEST).await? else { return Ok(None) };
    let polled = match Draft::read(&draft) {
        Draft::Failed(no) => Polled::Failed(failed(upstream, &no)),
        Draft::Done(url) => {
            events(EngineEvent::Made);
            let clean = match service {
                Some(service) => unmarked(upstream, &draft, &service, (size, desk)).await,
                None => None,
            };
            match clean {
                Some(polled) => polled,
                None => bring(upstream, &url, (size, desk)).await?,
            }
        }
    };
    Ok(Some(polled))
}

/// Finds a task by the title that it was given, made over `post` if that is told. Only one that carries it is certainly ours.
///
/// # Errors
/// What kept it from being learned.
pub(in super::super) async fn find(
    upstream: &Upstream,
    mark: &str,
    post: Option<String>,
) -> Result<Lookup, Fault> {
    let is_it = |task: &Value| task.get("title").and_then(Value::as_str) == Some(mark);
    for look in 0..LOOKS {
        if look > 0 {
            upstream.pause().await;
        }
        let found = pending(upstream).await?.into_iter().find(is_it);
        let id = match found {
            Some(task) => task.get("id").cloned(),
            None => drafts::find(upstream, drafts::LATEST, is_it)
                .await?
                .and_then(|draft| draft.get("task_id").cloned()),
        };
        if let Some(task) = id.and_then(|id| id.as_str().map(str::to_owned)) {
            let handle = serde_json::to_value(Handle { task, post });
            let found = |handle| Lookup::Found { handle, poll_at: upstream.now() };
            return Ok(handle.map_or(Lookup::CannotTell, found));
        }
    }
    // A server that does not repeat titles has it all the same.
    Ok(Lookup::CannotTell)
}

async fn pending(upstream: &Upstream) -> Result<Vec<Value>, Fault> {
    let said = match upstream.try_look(PENDING).await? {
        Ok(said) => said,
        Err(no) if no.is(404, "") => upstream.look(PENDING_OLDER).await?,
        Err(no) => return Err(no.fault(Asked::Look, upstream.secrets())),
    };
    match said {
        Value::Array(tasks) => Ok(tasks),
        _ => Err(unreadable(Asked::Look, "a list of what is under way that is none".into())),
    }
}

fn under_way(upstream: &Upstream, task: &Value) -> Polled {
    match task.get("status").and_then(Value::as_str).unwrap_or_default() {
        "failed" | "error" => Polled::Failed(failed(upstream, &failure(task))),
        // An unknown word is no reason to give up work that may be paid for.
        _ => Polled::Pending {
            progress: progress(task),
            poll_at: upstream.now() + upstream.config().poll_every,
        },
    }
}

fn failed(upstream: &Upstream, no: &No) -> Fault {
    after_acceptance(no.fault(Asked::Look, upstream.secrets()))
}

/// The file without a mark, for an operator who has a service for that: the draft is shown for as long as it is asked. None when there
/// is no such file: a job does not fail for that.
async fn unmarked(
    upstream: &Upstream,
    draft: &Value,
    service: &ParseService,
    place: (Size, &Desk),
) -> Option<Polled> {
    let post = posts::publish(upstream, draft).await;
    let got = match &post {
        Ok(post) => match parse::link(upstream, service, &post.link).await {
            Ok(url) => bring(upstream, &url, place).await,
            Err(fault) => Err(fault),
        },
        Err(fault) => Err(fault.clone()),
    };
    if let Some(post) = post.ok().filter(|post| post.is_ours) {
        posts::take_back(upstream, &post.id).await;
    }
    match got {
        Ok(done @ Polled::Done(_)) => return Some(done),
        Ok(Polled::Failed(fault)) | Err(fault) => {
            tracing::warn!(context = %fault.context, "the parse service gave no file, so the engine's own is taken");
        }
        Ok(_) => {}
    }
    None
}

/// Gets the file. While it cannot be had, the task is looked at again: a new look has a new link.
async fn bring(upstream: &Upstream, url: &str, (size, desk): (Size, &Desk)) -> Result<Polled, Fault> {
    let answer = match upstream.download(url).await {
        Ok(answer) => answer,
        Err(fault) if fault.class == FaultClass::JobLost => return Ok(Polled::Failed(fault)),
        Err(fault) => return Err(fault),
    };
    let place = answer.place().to_owned();
    let (bytes, held) = match answer.read(LONGEST_FILE).await {
        Ok(held) => held.into_parts(),
        Err(broken @ Broken::TooLarge(_)) => {
            return Ok(Polled::Failed(no_result(format!("{place}: {broken}"))));
        }
        Err(broken) => return Err(broken_off(&broken, &place, Asked::Look)),
    };
    let output = desk.work(move || film::delivered(bytes, size)).await?;
    drop(held);
    Ok(output.map_or_else(|what| Polled::Failed(no_result(what)), |output| Polled::Done(vec![output])))
}
