//! Images as server-sent events (clients.md 4.2): previews, then one `completed` per image.

use super::{
    answer,
    follow::{self, Voice, frame},
    images::EDITS,
};
use crate::{gateway::Gateway, problem::Problem};
use actix_web::{HttpResponse, web::Bytes};
use atelier_actors::job_supervisor::Watch;
use atelier_domain::{
    image::{OutputFormat, Quality},
    job::Job,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The response that follows a job to its end.
pub fn respond(gateway: Gateway, watch: Watch) -> HttpResponse {
    follow::respond(gateway, watch, Images)
}

struct Images;

impl Voice for Images {
    fn opening(&mut self, _: &Gateway, _: &Job) -> Result<Vec<Bytes>, Problem> {
        Ok(Vec::new())
    }

    fn preview(&mut self, job: &Job, index: u8, file: &[u8]) -> Result<Vec<Bytes>, Problem> {
        let name = named(job, "partial_image");
        let mut event = described(job, &name)?;
        event["partial_image_index"] = json!(index);
        event["b64_json"] = STANDARD.encode(file).into();
        Ok(vec![frame(&name, &event)])
    }

    async fn output(&mut self, gateway: &Gateway, job: &Job, at: usize) -> Result<Vec<Bytes>, Problem> {
        let name = named(job, "completed");
        let mut event = described(job, &name)?;
        event["b64_json"] = answer::base64(gateway, &job.outputs[at]).await?.into();
        event["usage"] = json!(answer::usage(gateway, job)?);
        if let Some(incomplete) = answer::incomplete(job) {
            event["incomplete"] = json!(incomplete);
        }
        Ok(vec![frame(&name, &event)])
    }

    async fn completed(&mut self, _: &Gateway, _: &Job) -> Result<Vec<Bytes>, Problem> {
        Ok(Vec::new())
    }

    fn failed(&mut self, _: &Job, problem: &Problem) -> Vec<Bytes> {
        vec![frame("error", &follow::error_event(problem))]
    }
}

/// The name of an event of this job: each endpoint has its own family.
fn named(job: &Job, event: &str) -> String {
    let family = if job.endpoint == EDITS { "image_edit" } else { "image_generation" };
    format!("{family}.{event}")
}

/// What every image event says. Words that strict clients do not know are `auto`.
fn described(job: &Job, kind: &str) -> Result<Value, Problem> {
    let image = answer::image_of(job)?;
    Ok(json!({
        "type": kind,
        "created_at": job.updated_at.seconds(),
        "size": answer::known_size(image).unwrap_or_else(|| "auto".to_owned()),
        "quality": answer::known_quality(image.quality).unwrap_or(Quality::Auto.word()),
        "background": image.background.word(),
        "output_format": answer::known_format(image.format).unwrap_or(OutputFormat::Png.word()),
    }))
}
