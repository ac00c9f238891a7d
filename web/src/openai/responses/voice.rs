//! A response as server-sent events, in the order that `responses.create(stream=True)` and the `responses.stream` helpers of every
//! SDK demand (clients.md §6). Every event has a number.

use super::view;
use crate::{
    gateway::Gateway,
    openai::follow::{Voice, error_event, frame},
    problem::Problem,
};
use actix_web::web::Bytes;
use atelier_domain::job::{Job, JobState};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The voice of one stream.
pub struct Speaker {
    gateway: Gateway,
    number: u64,
    /// The finished call, told once and then part of the whole.
    call: Option<Value>,
}

impl Speaker {
    /// A voice that has said nothing yet.
    pub fn new(gateway: Gateway) -> Self {
        Self { gateway, number: 0, call: None }
    }

    fn event(&mut self, kind: &str, mut data: Value) -> Bytes {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.number);
        self.number += 1;
        frame(kind, &data)
    }

    /// An event about the one item of the output.
    fn about_call(&mut self, job: &Job, what: &str, mut data: Value) -> Bytes {
        data["item_id"] = json!(view::call_id(job));
        data["output_index"] = json!(0);
        self.event(&format!("response.image_generation_call.{what}"), data)
    }
}

impl Voice for Speaker {
    fn opening(&mut self, _: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem> {
        // What a job that is over amounts to is told at the end.
        let mut begun = view::response(&self.gateway, job, None)?;
        begun["status"] = json!("in_progress");
        begun["output"] = json!([]);
        begun["error"] = Value::Null;
        begun["usage"] = Value::Null;
        let item = view::call(job, "in_progress", None)?;
        Ok(vec![
            self.event("response.created", json!({ "response": begun })),
            self.event("response.in_progress", json!({ "response": begun })),
            self.event("response.output_item.added", json!({ "output_index": 0, "item": item })),
            self.about_call(job, "in_progress", json!({})),
            self.about_call(job, "generating", json!({})),
        ])
    }

    fn preview(&mut self, job: &Job, index: u8, file: &[u8]) -> Result<Vec<Bytes>, Problem> {
        let data = json!({ "partial_image_index": index, "partial_image_b64": STANDARD.encode(file) });
        Ok(vec![self.about_call(job, "partial_image", data)])
    }

    async fn output(&mut self, gateway: &Gateway, job: &Job, at: usize) -> Result<Vec<Bytes>, Problem> {
        if at > 0 {
            // The tool makes one image.
            return Ok(Vec::new());
        }
        let completed = self.about_call(job, "completed", json!({}));
        self.call = view::finished_call(gateway, job).await?;
        let done = json!({ "output_index": 0, "item": self.call });
        Ok(vec![completed, self.event("response.output_item.done", done)])
    }

    async fn completed(&mut self, gateway: &Gateway, job: &Job) -> Result<Vec<Bytes>, Problem> {
        let response = view::response(gateway, job, self.call.take())?;
        Ok(vec![self.event("response.completed", json!({ "response": response }))])
    }

    fn failed(&mut self, job: &Job, problem: &Problem) -> Vec<Bytes> {
        let ended = matches!(job.state, JobState::Failed | JobState::Cancelled);
        let item = view::call(job, "failed", None).ok();
        let response = view::response(&self.gateway, job, None).ok().filter(|_| ended);
        match (item, response) {
            (Some(item), Some(response)) => vec![
                self.event("response.output_item.done", json!({ "output_index": 0, "item": item })),
                self.event("response.failed", json!({ "response": response })),
            ],
            // The stream ends before the response does.
            _ => {
                let mut event = error_event(problem);
                event["sequence_number"] = json!(self.number);
                event["param"] = Value::Null;
                vec![frame("error", &event)]
            }
        }
    }
}
