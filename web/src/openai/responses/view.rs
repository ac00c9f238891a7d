//! The `Response` object as strict clients parse it (clients.md §6).

use crate::{gateway::Gateway, openai::answer, problem::Problem};
use atelier_domain::{
    code::Code,
    ids::ResponseId,
    image::{OutputFormat, Quality},
    job::{Job, JobState},
    response::ResponseEcho,
};
use serde_json::{Value, json};

/// A response, for the docs.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the shape of the answer, for the docs")]
pub struct Response {
    /// The response.
    #[schema(example = "resp_0199abcd000070008000000000000001")]
    id: String,
    /// Always `response`.
    object: String,
    /// When it was accepted, in seconds since the epoch.
    created_at: i64,
    /// `queued`, `in_progress`, `completed`, `failed` or `cancelled`.
    status: String,
    /// The main model as it was asked for.
    model: String,
    /// One `image_generation_call` with the image in base64 as its `result`.
    #[schema(value_type = Vec<Object>)]
    output: Vec<Value>,
    /// Why it failed: `{code, message}`.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    /// Tokens (0 when the engine counts none), and credit for a metered key.
    #[schema(value_type = Option<Object>)]
    usage: Option<Value>,
}

/// The response that a job makes, if it makes one.
pub fn echo_of(job: &Job) -> Result<&ResponseEcho, Problem> {
    let unknown = || Problem::new(Code::ResponseNotFound, "this job does not answer a response");
    job.echo.as_deref().ok_or_else(unknown)
}

fn status(job: &Job, echo: &ResponseEcho) -> &'static str {
    match job.state {
        JobState::Queued if echo.background => "queued",
        JobState::Queued | JobState::Submitting | JobState::Running | JobState::Fetching => "in_progress",
        JobState::Completed => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    }
}

/// The id of the call that makes the image.
pub fn call_id(job: &Job) -> String {
    format!("ig_{}", job.id.uuid().simple())
}

/// The call as far as it is.
pub fn call(job: &Job, status: &str, result: Option<&str>) -> Result<Value, Problem> {
    let image = answer::image_of(job)?;
    let mut call = json!({
        "id": call_id(job), "type": "image_generation_call", "status": status, "result": result,
        "action": if image.references.is_some() { "edit" } else { "generate" },
    });
    if result.is_some() {
        call["size"] = json!(image.size.to_string());
        call["quality"] = json!(answer::known_quality(image.quality).unwrap_or(Quality::Auto.word()));
        call["background"] = json!(image.background.word());
        call["output_format"] = json!(answer::known_format(image.format).unwrap_or(OutputFormat::Png.word()));
        call["revised_prompt"] = json!(job.outputs.first().and_then(|output| output.revised_prompt.clone()));
    }
    Ok(call)
}

/// The call with its image; none while there is none.
pub async fn finished_call(gateway: &Gateway, job: &Job) -> Result<Option<Value>, Problem> {
    let Some(output) = job.outputs.first() else { return Ok(None) };
    let base64 = answer::base64(gateway, output).await?;
    call(job, "completed", Some(&base64)).map(Some)
}

/// The whole object. `output` is the finished call, if the caller has it.
pub fn response(gateway: &Gateway, job: &Job, output: Option<Value>) -> Result<Value, Problem> {
    let echo = echo_of(job)?;
    let output = match (output, job.state) {
        (Some(call), _) => vec![call],
        (None, JobState::Failed | JobState::Cancelled) => vec![call(job, "failed", None)?],
        (None, JobState::Queued) => Vec::new(),
        (None, _) => vec![call(job, "in_progress", None)?],
    };
    let ended = job.state.is_terminal();
    let mut response = json!({
        "id": ResponseId::of(job.id).to_string(),
        "object": "response",
        "created_at": job.created_at.seconds(),
        "completed_at": job.ended_at.filter(|_| job.state == JobState::Completed).map(|at| at.seconds()),
        "status": status(job, echo),
        "background": echo.background,
        "error": error(job),
        "incomplete_details": null,
        "instructions": echo.instructions,
        "max_output_tokens": null,
        "model": echo.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": echo.previous.map(|id| id.to_string()),
        "reasoning": { "effort": null, "summary": null },
        "store": echo.store,
        "temperature": 1.0,
        "text": { "format": { "type": "text" } },
        "tool_choice": echo.tool_choice,
        "tools": echo.tools,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
        "metadata": echo.metadata,
    });
    if ended {
        response["usage"] = usage(gateway, job)?;
        response["tool_usage"] = json!({
            "image_gen": {
                "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
                "input_tokens_details": { "image_tokens": 0, "text_tokens": 0 },
            },
            "web_search": { "num_requests": 0 },
        });
    }
    Ok(response)
}

fn usage(gateway: &Gateway, job: &Job) -> Result<Value, Problem> {
    let mut usage = json!({
        "input_tokens": 0,
        "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
        "output_tokens": 0,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": 0,
    });
    let credit = answer::usage(gateway, job)?;
    if let (Some(charged), Some(remaining)) = (credit.credits_charged, credit.credits_remaining) {
        usage["credits_charged"] = json!(charged);
        usage["credits_remaining"] = json!(remaining);
    }
    Ok(usage)
}

/// Why it failed, in the words that strict clients know.
fn error(job: &Job) -> Option<Value> {
    let error = job.error.as_ref()?;
    let code = match error.code {
        Code::ContentPolicyViolation => "image_content_policy_violation",
        Code::UpstreamSaturated | Code::RateLimitExceeded => "rate_limit_exceeded",
        Code::UpstreamRejected => "invalid_prompt",
        _ => "server_error",
    };
    Some(json!({ "code": code, "message": error.message }))
}
