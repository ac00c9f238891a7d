//! What jobs make, and pictures that were taken to the upstream: the latter belong to the account that took them.

use super::refuse::refuse;
use crate::upstream::{
    behaviour::{Behaviour, Course},
    limits::Load,
    openai::{Job, dimensions},
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many jobs, and how many pictures, are kept; the oldest goes.
const MOST_KEPT: usize = 10_000;

/// A job's work.
#[derive(Debug, Clone)]
pub struct Work {
    /// Whether it is a film.
    pub is_film: bool,
    /// Its size in pixels.
    pub size: (u32, u32),
    /// How many files.
    pub outputs: u64,
    /// Which job it is, from 0.
    pub number: usize,
}

/// A picture that was taken there.
#[derive(Debug, Clone)]
pub struct Blob {
    account: String,
    mime: String,
    size: (u32, u32),
}

/// All of them.
#[derive(Debug, Default)]
pub struct Works {
    works: BTreeMap<String, Work>,
    blobs: BTreeMap<String, Blob>,
    begun: usize,
}

impl Works {
    /// The work of a job.
    pub fn get(&self, id: &str) -> Option<&Work> {
        self.works.get(id)
    }
}

/// What a prompt that is a document says.
pub fn spoken(prompt: &str) -> Option<String> {
    let document: Value = serde_json::from_str(prompt).ok()?;
    document.get("prompt_text")?.as_str().map(str::to_owned)
}

/// Takes a picture in.
pub fn upload(stage: &Stage, call: &Call) -> Reply {
    let file = call.asked.files.first();
    let size = file.and_then(|file| dimensions(&file.bytes));
    let Some((file, size)) = file.zip(size) else {
        let refusal = Refusal::new(Reason::Invalid).saying("The image cannot be read");
        return refuse(stage, &refusal);
    };
    let mut world = stage.world();
    let id = world.id("blob");
    if world.works.blobs.len() == MOST_KEPT {
        world.works.blobs.pop_first();
    }
    let blob = Blob { account: call.account.clone(), mime: file.mime.clone(), size };
    world.works.blobs.insert(id.clone(), blob);
    world.book.accepted(&call.account, call.op, None);
    Reply::json(200, &json!({ "images": [{ "id": id }] }))
}

/// A picture of this account.
///
/// # Errors
/// The refusal of any other.
pub fn blob(stage: &Stage, call: &Call, id: Option<&str>) -> Result<Blob, Refusal> {
    let world = stage.world();
    let found = id.and_then(|id| world.works.blobs.get(id)).filter(|blob| blob.account == call.account);
    found.cloned().ok_or_else(|| Refusal::new(Reason::Invalid).saying("The reference does not exist"))
}

impl Blob {
    /// Whether Sora begins a film of this size with it.
    ///
    /// # Errors
    /// Why not.
    pub fn begins(&self, size: (u32, u32)) -> Result<(), Refusal> {
        if self.size != size {
            let text = "Inpaint image must match the requested width and height";
            return Err(Refusal::new(Reason::Invalid).saying(text));
        }
        if self.mime != "image/jpeg" {
            return Err(Refusal::new(Reason::Invalid).saying("Only JPEG is supported"));
        }
        Ok(())
    }
}

/// Begins a job; the answer is its id.
///
/// # Errors
/// The refusal, when a quota of the account does not allow it.
pub fn begin(stage: &Stage, call: &Call, seconds: u32, mut work: Work) -> Result<(String, Work), Refusal> {
    let outputs = u32::try_from(work.outputs).unwrap_or(u32::MAX);
    stage.accept(call, if work.is_film { Load::Video } else { Load::Images(outputs) })?;
    let (now_ms, prompt) = (stage.clock.now_ms(), call.prompt());
    let course: Course = match &call.behaviour {
        Behaviour::Job(course) => course.clone(),
        _ => stage.setup.course.clone(),
    };
    let mut world = stage.world();
    let id = world.id("urn:ff:jobs:sim").replace('_', ":");
    world.jobs.add(Job {
        id: id.clone(),
        account: call.account.clone(),
        model: call.asked.text("modelId").unwrap_or("firefly").to_owned(),
        prompt,
        size: format!("{}x{}", work.size.0, work.size.1),
        seconds,
        created_ms: now_ms,
        ended_ms: None,
        source: None,
        course,
        polls: 0,
    });
    if world.works.works.len() == MOST_KEPT {
        world.works.works.pop_first();
    }
    work.number = world.works.begun;
    world.works.begun += 1;
    world.works.works.insert(id.clone(), work.clone());
    world.accounts.of(&call.account, now_ms).open_jobs.insert(id.clone());
    Ok((id, work))
}

/// `{"width", "height"}`.
pub fn sides(value: Option<&Value>) -> Option<(u32, u32)> {
    let side = |name: &str| u32::try_from(value?.get(name)?.as_u64()?).ok().filter(|side| *side > 0);
    Some((side("width")?, side("height")?))
}
