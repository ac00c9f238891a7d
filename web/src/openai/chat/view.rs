//! Completions and chunks of them, as strict clients parse them (clients.md §7).

use crate::{
    gateway::Gateway,
    openai::{answer, dialect::Dialect, follow::sse},
    problem::Problem,
};
use actix_web::web::Bytes;
use atelier_domain::{
    job::{Job, JobKind, JobState},
    time::Millis,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A finished completion, for the docs.
#[derive(Serialize, ToSchema)]
pub struct ChatCompletion {
    /// Its id, with the UUID of the job behind it.
    #[schema(example = "chatcmpl-0199abcd000070008000000000000001")]
    id: String,
    /// Always `chat.completion`; `chat.completion.chunk` in a stream.
    object: String,
    /// When the job was accepted, in seconds since the epoch.
    created: i64,
    /// The model as it was asked for.
    model: String,
    /// One: its `message.content` has the links, `message.images` the pictures once more.
    #[schema(value_type = Vec<Object>)]
    choices: Vec<Value>,
    /// Tokens (0 when the engine counts none) and credit.
    #[schema(value_type = Object)]
    usage: Value,
}

/// What every piece of one answer repeats.
pub struct Reply {
    /// The model as it was asked for.
    pub model: String,
    /// Where the client reached us.
    pub origin: String,
    /// How the key is spoken to.
    pub dialect: Dialect,
}

impl Reply {
    /// A completion or a piece of one, which began at that time.
    pub fn about(&self, (id, created): (&str, Millis), object: &str, choice: Value) -> Value {
        json!({
            "id": id,
            "object": object,
            "created": created.seconds(),
            "model": self.model,
            "choices": [choice],
        })
    }

    fn about_job(&self, job: &Job, object: &str, choice: Value) -> Value {
        let id = format!("chatcmpl-{}", job.id.uuid().simple());
        self.about((&id, job.created_at), object, choice)
    }

    /// A piece of the stream.
    pub fn chunk(&self, job: &Job, delta: Value, finish_reason: Option<&str>) -> Bytes {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish_reason });
        sse(&self.about_job(job, "chat.completion.chunk", choice))
    }

    /// The piece that says what was used, and belongs to no choice.
    pub fn usage_chunk(&self, gateway: &Gateway, job: &Job) -> Result<Bytes, Problem> {
        let mut chunk = self.about_job(job, "chat.completion.chunk", Value::Null);
        chunk["choices"] = json!([]);
        chunk["usage"] = usage(gateway, job)?;
        Ok(sse(&chunk))
    }

    /// How far a job is, in the words of the dialect.
    pub fn progress(&self, gateway: &Gateway, job: &Job) -> Value {
        let is_film = job.work.kind() == JobKind::Video;
        let seconds = gateway.clock.now().since(job.created_at).as_secs();
        let (stage, status, words) = match job.state {
            JobState::Queued => ("queue", "queued", "Waiting for a place".to_owned()),
            _ if is_film => ("generation", "processing", format!("Filming: {} %", job.progress)),
            _ => ("generation", "processing", format!("Drawing: {} %", job.progress)),
        };
        if self.dialect.tells_stages() {
            let message = format!("{words}, {seconds} s");
            return json!({ "stage": stage, "status": status, "progress": job.progress, "message": message });
        }
        // Clients join the pieces, so each is a line.
        json!(format!("{words}, {seconds} s\n"))
    }

    /// The `at`-th output of a completed job: as content, and as one of `images` if it is a picture.
    pub fn output(&self, gateway: &Gateway, job: &Job, at: usize) -> (String, Option<Value>) {
        let output = &job.outputs[at];
        let url = gateway.links.sign(&self.origin, output.media, &output.mime);
        if job.work.kind() == JobKind::Video {
            return (self.dialect.film(&url), None);
        }
        let joint = if at > 0 { "\n\n" } else { "" };
        let image = json!({ "type": "image_url", "index": at, "image_url": { "url": url } });
        (format!("{joint}![image]({url})"), Some(image))
    }

    /// The whole answer to a completed job.
    pub fn whole(&self, gateway: &Gateway, job: &Job) -> Result<Value, Problem> {
        let outputs = (0..job.outputs.len()).map(|at| self.output(gateway, job, at));
        let (content, images): (Vec<_>, Vec<_>) = outputs.unzip();
        let mut message = json!({ "role": "assistant", "content": content.concat(), "refusal": null });
        let images: Vec<_> = images.into_iter().flatten().collect();
        if !images.is_empty() {
            message["images"] = images.into();
        }
        let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" });
        let mut whole = self.about_job(job, "chat.completion", choice);
        whole["usage"] = usage(gateway, job)?;
        if let Some(incomplete) = answer::incomplete(job) {
            whole["incomplete"] = json!(incomplete);
        }
        Ok(whole)
    }
}

fn usage(gateway: &Gateway, job: &Job) -> Result<Value, Problem> {
    let mut usage = json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 });
    let credit = answer::usage(gateway, job)?;
    if let (Some(charged), Some(remaining)) = (credit.credits_charged, credit.credits_remaining) {
        usage["credits_charged"] = charged.into();
        usage["credits_remaining"] = remaining.into();
    }
    Ok(usage)
}
