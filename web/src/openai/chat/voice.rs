//! A completion as server-sent events: who speaks, how far it is, what came out, how it ended, `[DONE]`.

use super::view::Reply;
use crate::{
    gateway::Gateway,
    openai::follow::{self, Voice, frame},
    problem::Problem,
};
use actix_web::web::Bytes;
use atelier_domain::job::Job;
use serde_json::{Value, json};

/// The last line of every stream.
pub fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}

/// The voice of one stream.
pub struct Speaker {
    reply: Reply,
    include_usage: bool,
    /// The state and progress that were told last.
    told: Option<(&'static str, u8)>,
    /// Whether the last heartbeat was a comment only.
    pinged: bool,
}

impl Speaker {
    /// A voice that has said nothing yet.
    pub fn new(reply: Reply, include_usage: bool) -> Self {
        Self { reply, include_usage, told: None, pinged: false }
    }

    fn reasoning(&self, gateway: &Gateway, job: &Job) -> Bytes {
        self.reply.chunk(job, json!({ "reasoning_content": self.reply.progress(gateway, job) }), None)
    }

    fn is_news(&mut self, job: &Job) -> bool {
        let now = (job.state.public(), job.progress);
        self.told.replace(now) != Some(now)
    }
}

impl Voice for Speaker {
    fn opening(&mut self, gateway: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem> {
        let mut delta = json!({ "role": "assistant", "content": "" });
        let is_open = self.is_news(job) && !job.state.is_terminal();
        if !self.reply.dialect.tells_stages() {
            let mut said = vec![self.reply.chunk(job, delta, None)];
            said.extend(is_open.then(|| self.reasoning(gateway, job)));
            return Ok(said);
        }
        delta["content"] = Value::Null;
        if is_open {
            delta["reasoning_content"] = self.reply.progress(gateway, job);
        }
        Ok(vec![self.reply.chunk(job, delta, None)])
    }

    fn progress(&mut self, gateway: &Gateway, job: &Job) -> Vec<Bytes> {
        if self.is_news(job) { vec![self.reasoning(gateway, job)] } else { Vec::new() }
    }

    /// Some clients give up where no data comes, whatever comments do.
    fn heartbeat(&mut self, gateway: &Gateway, job: &Job) -> Bytes {
        self.pinged = !self.pinged;
        if self.pinged { follow::ping() } else { self.reasoning(gateway, job) }
    }

    async fn output(&mut self, gateway: &Gateway, job: &Job, at: usize) -> Result<Vec<Bytes>, Problem> {
        let (content, image) = self.reply.output(gateway, job, at);
        let mut delta = json!({ "content": content });
        if let Some(image) = image {
            delta["images"] = json!([image]);
        }
        // The older dialect ends with the content.
        let is_end = self.reply.dialect.tells_stages() && at + 1 == job.outputs.len();
        Ok(vec![self.reply.chunk(job, delta, is_end.then_some("stop"))])
    }

    async fn completed(&mut self, gateway: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem> {
        let mut said = Vec::new();
        if !self.reply.dialect.tells_stages() {
            said.push(self.reply.chunk(job, json!({}), Some("stop")));
        }
        if self.include_usage {
            said.push(self.reply.usage_chunk(gateway, job)?);
        }
        said.push(done());
        Ok(said)
    }

    fn failed(&mut self, _: &Job, problem: &Problem) -> Vec<Bytes> {
        vec![frame("error", &follow::error_event(problem)), done()]
    }
}
