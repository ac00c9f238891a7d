//! Answers in the shape that each dialect gives them.

use super::{
    dialect::Dialect,
    jobs::{Job, Stand},
};
use bytes::Bytes;
use serde_json::{Value, json};

/// How long OpenAI keeps a video, in seconds.
const KEPT_S: u64 = 86_400;

/// What is told of drawn pictures.
pub struct Told<'a> {
    /// When, in seconds since 1970.
    pub created: u64,
    /// The pictures.
    pub data: Vec<Value>,
    /// Their size.
    pub size: String,
    /// Their format.
    pub format: &'static str,
    /// Their quality.
    pub quality: &'a str,
    /// Their ground.
    pub background: &'static str,
    /// What they cost.
    pub usage: Value,
}

/// Pictures.
pub fn images(dialect: Dialect, told: Told<'_>) -> Value {
    let Told { created, data, size, format, quality, background, usage } = told;
    match dialect {
        Dialect::Sglang => {
            let data: Vec<_> = data
                .into_iter()
                .enumerate()
                .map(|(number, mut picture)| {
                    picture["revised_prompt"] = Value::Null;
                    picture["file_path"] = format!("/srv/outputs/{created}_{number}.{format}").into();
                    picture
                })
                .collect();
            json!({"id": format!("img-{created}"), "created": created, "data": data, "usage": null})
        }
        Dialect::VllmOmni => json!({"created": created, "data": data, "output_format": format, "size": size}),
        Dialect::SdServer => json!({"created": created, "output_format": format, "data": data}),
        Dialect::Localai => json!({"created": created, "id": format!("img-{created}"), "data": data}),
        Dialect::Relay => json!({"created": created, "data": data, "usage": usage}),
        Dialect::Openai | Dialect::Azure => json!({
            "created": created, "background": background, "output_format": format, "quality": quality,
            "size": size, "safety_identifier": null, "data": data, "usage": usage, "svg_usage": null,
        }),
    }
}

/// A job as its creation, its polls and lists show it.
pub fn video(dialect: Dialect, job: &Job, stand: Stand) -> Value {
    let words = dialect.words();
    let (status, progress) = match stand {
        Stand::Queued => (words.queued, 0),
        Stand::Running(progress) => (words.running, progress),
        Stand::Completed => (words.completed, 100),
        Stand::Failed => (words.failed, 0),
    };
    let created = job.created_ms / 1000;
    let ended = job.ended_ms.map(|ms| ms / 1000);
    let failed = stand == Stand::Failed;
    let mut told = json!({
        "id": job.id, "object": "video", "model": job.model, "status": status, "progress": progress,
        "created_at": created, "completed_at": ended, "size": job.size, "seconds": job.seconds.to_string(),
        "error": failed.then(|| json!({"code": job.course.code, "message": job.course.message})),
    });
    match dialect {
        Dialect::Sglang => {
            told["quality"] = "standard".into();
            told["num_outputs"] = 1.into();
            told["url"] = Value::Null;
            told["file_path"] = format!("/srv/outputs/{}.mp4", job.id).into();
            if failed {
                told["error"] = json!({"message": job.course.message});
            }
        }
        Dialect::VllmOmni => {
            told["prompt"] = job.prompt.clone().into();
            told["expires_at"] = Value::Null;
            told["fps"] = 24.into();
            told["num_frames"] = (job.seconds * 24).into();
            told["duration_s"] = job.seconds.into();
            told["media_type"] = "video/mp4".into();
            told["file_name"] = format!("{}.mp4", job.id).into();
            if failed {
                told["error"] = json!({"code": failed_status(dialect, job), "message": job.course.message});
            }
        }
        _ => {
            told["prompt"] = job.prompt.clone().into();
            told["expires_at"] = ended.map(|at| at + KEPT_S).into();
            told["remixed_from_video_id"] = job.source.clone().into();
        }
    }
    told
}

/// The status of a poll that finds a failed job.
pub fn failed_status(dialect: Dialect, job: &Job) -> u16 {
    let usual = if dialect == Dialect::VllmOmni { 500 } else { 200 };
    job.course.status.unwrap_or(usual)
}

/// An event of a stream, under its own type.
pub fn event(told: &Value) -> Bytes {
    let kind = told["type"].as_str().unwrap_or("message");
    Bytes::from(format!("event: {kind}\ndata: {told}\n\n"))
}

/// An event of a stream without a type, as chat completions are sent.
pub fn chunk(told: &Value) -> Bytes {
    Bytes::from(format!("data: {told}\n\n"))
}
