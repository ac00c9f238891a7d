//! The answer to a finished image job, as every OpenAI client parses it (clients.md 4.1).

use crate::{gateway::Gateway, problem::Problem};
use actix_web::{HttpRequest, HttpResponse, web};
use atelier_domain::{
    code::Code,
    image::{Background, OutputFormat, Quality, ResponseFormat},
    job::{ImageJob, Job, JobOutput},
    media::SHORT,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use utoipa::ToSchema;

/// The answer of `images/generations`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImagesResponse {
    /// When the job ended, in seconds since the epoch.
    pub created: i64,
    /// One per image that was made.
    pub data: Vec<ImageData>,
    /// The model's own name.
    #[schema(example = "gpt-image-2")]
    pub model: String,
    /// Left out unless every client knows the word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<&'static str>,
    /// Left out unless every client knows the word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<&'static str>,
    /// Left out unless every client knows the word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<&'static str>,
    /// Left out unless every client knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Tokens (0 when the engine counts none) and credit.
    pub usage: Usage,
    /// Said when fewer images were made than asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// Fewer images than asked for: those that failed cost nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct Incomplete {
    /// How many were asked for.
    pub requested: u32,
    /// How many were made.
    pub made: u32,
    /// The same in words.
    #[schema(example = "2 of 3 images were made; the others failed and cost nothing")]
    pub message: String,
}

/// What to say when a completed job made fewer images than asked for.
pub fn incomplete(job: &Job) -> Option<Incomplete> {
    let (requested, made) = (job.work.outputs(), u32::try_from(job.outputs.len()).unwrap_or(u32::MAX));
    (made < requested).then(|| Incomplete {
        requested,
        made,
        message: format!("{made} of {requested} images were made; the others failed and cost nothing"),
    })
}

/// One image.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageData {
    /// The file in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub b64_json: Option<String>,
    /// A link that lasts an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The prompt that the engine used, when it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revised_prompt: Option<String>,
}

/// What was used.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Usage {
    /// Tokens in.
    pub input_tokens: u64,
    /// Their kinds.
    pub input_tokens_details: TokenDetails,
    /// Tokens out.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// Credit charged, for a metered key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits_charged: Option<i64>,
    /// Credit that can still be spent when this is written, for a metered key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits_remaining: Option<i64>,
}

/// Kinds of tokens.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct TokenDetails {
    /// Of texts.
    pub text_tokens: u64,
    /// Of images.
    pub image_tokens: u64,
}

/// Where this client reached us, such as `http://127.0.0.1:8000`.
pub fn origin(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    format!("{}://{}", connection.scheme(), connection.host())
}

/// The word if openai-python 2.32 knows it; others break its strict validation.
pub fn known_quality(quality: Quality) -> Option<&'static str> {
    matches!(quality, Quality::Low | Quality::Medium | Quality::High).then(|| quality.word())
}

/// As [`known_quality`].
pub fn known_format(format: OutputFormat) -> Option<&'static str> {
    matches!(format, OutputFormat::Png | OutputFormat::Jpeg | OutputFormat::Webp).then(|| format.word())
}

/// As [`known_quality`].
pub fn known_background(background: Background) -> Option<&'static str> {
    (background != Background::Auto).then(|| background.word())
}

/// As [`known_quality`].
pub fn known_size(image: &ImageJob) -> Option<String> {
    let size = image.size.to_string();
    matches!(size.as_str(), "1024x1024" | "1024x1536" | "1536x1024").then_some(size)
}

/// What the job used and cost.
pub fn usage(gateway: &Gateway, job: &Job) -> Result<Usage, Problem> {
    let mut usage = Usage::default();
    if job.metered {
        usage.credits_charged = Some(job.charged);
        usage.credits_remaining = Some(gateway.ledger.balance(job.key)?.available);
    }
    Ok(usage)
}

/// One output in base64.
pub async fn base64(gateway: &Gateway, output: &JobOutput) -> Result<String, Problem> {
    // Encoding tens of megabytes would hold up every other request of this worker.
    let encoded = gateway.library.read_as((output.media, output.bytes), |bytes| STANDARD.encode(bytes));
    Ok(encoded.await?)
}

/// A body that shows this job and may hold many megabytes of base64: then it is written where it holds nobody up.
pub async fn json<T: Serialize + Send + 'static>(job: &Job, value: T) -> Result<HttpResponse, Problem> {
    let write = move || serde_json::to_vec(&value);
    let written = if job.outputs.iter().map(|output| output.bytes).sum::<u64>() <= SHORT {
        write()
    } else {
        let written = web::block(write).await;
        written.map_err(|_| Problem::new(Code::ShuttingDown, "the gateway is stopping"))?
    };
    let body = written.map_err(|_| Problem::new(Code::InternalError, "the answer cannot be written"))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

/// The images that a job was asked for; a job that makes something else is none that this endpoint knows.
pub fn image_of(job: &Job) -> Result<&ImageJob, Problem> {
    job.work.image().ok_or_else(|| Problem::new(Code::JobNotFound, "this job does not make images"))
}

/// The answer to a completed job.
pub async fn images(gateway: &Gateway, job: &Job, origin: &str) -> Result<ImagesResponse, Problem> {
    let image = image_of(job)?;
    let mut data = Vec::with_capacity(job.outputs.len());
    for output in &job.outputs {
        let (b64_json, url) = match image.response_format {
            ResponseFormat::B64Json => (Some(base64(gateway, output).await?), None),
            ResponseFormat::Url => (None, Some(gateway.links.sign(origin, output.media, &output.mime))),
        };
        data.push(ImageData { b64_json, url, revised_prompt: output.revised_prompt.clone() });
    }
    Ok(ImagesResponse {
        created: job.ended_at.unwrap_or(job.updated_at).seconds(),
        data,
        model: job.model.clone(),
        background: known_background(image.background),
        output_format: known_format(image.format),
        quality: known_quality(image.quality),
        size: known_size(image),
        usage: usage(gateway, job)?,
        incomplete: incomplete(job),
    })
}
