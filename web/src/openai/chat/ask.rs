//! What is asked for, whether a chat or an endpoint of its own says so, and the job that it becomes.

use super::character;
use crate::{
    auth::Caller,
    fields::Fields,
    gateway::Gateway,
    openai::{
        answer,
        dialect::Dialect,
        images::new_job,
        request::{self, Asker, Way},
        videos::{self, Made, SourceJob},
    },
    problem::Problem,
    references::Given,
};
use actix_web::HttpRequest;
use atelier_actors::job_supervisor::Submitted;
use atelier_domain::{catalogue::Model, code::Code, job::JobKind, post::post_of, remix, style};
use serde_json::Value;

/// Fields that say how a picture or video is to be made. Chats have others of these names' kind that mean something else there.
const MAKING: [&str; 15] = [
    "n",
    "size",
    "quality",
    "output_format",
    "output_compression",
    "aspect_ratio",
    "orientation",
    "seconds",
    "duration",
    "fit",
    "negative_prompt",
    "seed",
    "complexity",
    "frame_count",
    "frame_duration_ms",
];

/// What is asked for.
pub struct Ask {
    /// The path that it came in by.
    pub endpoint: &'static str,
    /// SHA-256 of endpoint and body, in hex.
    pub body_hash: String,
    /// The model as the client named it.
    pub model: String,
    /// What the client wrote, with all that it may say besides its words.
    pub prompt: String,
    /// The pictures that came with it.
    pub given: Given,
    /// The video that it is to be a remix of.
    pub remix_of: Option<String>,
    /// A named look.
    pub style: Option<String>,
    /// Who is to be in the film, besides those of whom its prompt speaks.
    pub guest: Option<Fields>,
    /// Whether a picture is needed.
    pub way: Way,
    /// How it is to be made.
    making: Fields,
}

impl Ask {
    /// Takes what every such request may say out of its fields; model, prompt and pictures are the caller's to add.
    pub fn take(fields: &mut Fields, endpoint: &'static str) -> Self {
        let body_hash = fields.hash(endpoint);
        let making = MAKING.into_iter().filter_map(|name| Some((name.to_owned(), fields.take(name)?)));
        Self {
            endpoint,
            body_hash,
            making: Fields::new(making.collect()),
            model: String::new(),
            prompt: String::new(),
            given: Given::take(fields),
            remix_of: fields.filled("remix_target_id"),
            style: fields.filled("style_id").or_else(|| fields.filled("style")),
            guest: None,
            way: Way::Generate,
        }
    }

    /// The fields that an endpoint of its own would have got.
    fn fields(self, prompt: String, style: Option<&str>) -> (Fields, Given) {
        let mut map = self.making.into_map();
        map.insert("model".to_owned(), self.model.into());
        map.insert("prompt".to_owned(), prompt.into());
        map.insert("style".to_owned(), self.style.as_deref().or(style).map_or(Value::Null, Value::from));
        (Fields::new(map), self.given)
    }
}

/// Hands in what is asked for.
pub async fn submit(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (ask, dialect): (Ask, Dialect),
) -> Result<Submitted, Problem> {
    match gateway.model(&ask.model) {
        Some(model) if model.kind == JobKind::Image => Box::pin(picture(request, caller, gateway, ask)).await,
        Some(model) => Box::pin(film(request, caller, gateway, (ask, &model, dialect))).await,
        None => {
            let shown: String = ask.model.chars().take(80).collect();
            let message = format!("no engine here has a model called {shown:?}: GET /v1/models lists them");
            Err(Problem::new(Code::ModelNotFound, message).param("model"))
        }
    }
}

async fn picture(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    ask: Ask,
) -> Result<Submitted, Problem> {
    if ask.guest.is_some() {
        return Err(Problem::field("video", "video: a model that draws takes pictures, not videos"));
    }
    let (endpoint, body_hash, way) = (ask.endpoint, ask.body_hash.clone(), ask.way);
    let (style, prompt) = style::read(&ask.prompt);
    let (mut fields, given) = ask.fields(prompt, style);
    let origin = answer::origin(request);
    let asker = Asker { gateway, key: &caller.0, origin: &origin };
    let asked = request::read_with(asker, &mut fields, way, given).await?;
    Ok(gateway.jobs.submit(new_job(gateway, request, caller, (asked, endpoint, body_hash))?).await?)
}

async fn film(
    request: &HttpRequest,
    caller: &Caller,
    gateway: &Gateway,
    (mut ask, model, dialect): (Ask, &Model, Dialect),
) -> Result<Submitted, Problem> {
    let (endpoint, body_hash, way) = (ask.endpoint, ask.body_hash.clone(), ask.way);
    let guest = ask.guest.take();
    let (style, prompt) = style::read(&ask.prompt);
    let (remix_of, prompt) = match (ask.remix_of.clone(), remix::read(&prompt)) {
        (Some(id), _) => (Some(id), prompt),
        (None, Some((target, prompt))) => (Some(post_of(target.job()).to_string()), prompt),
        (None, None) => (None, prompt),
    };
    let (mut fields, given) = ask.fields(prompt, style);
    if way == Way::Edit && given.images.is_empty() {
        let message = "this makes a video from a picture, and none was sent: send image";
        return Err(Problem::new(Code::MissingImage, message).param("image"));
    }
    let source = remix_of.map(|id| SourceJob::find(gateway, caller, &id, dialect)).transpose()?;
    let usual = source.as_ref().map(|source| source.usual(model)).unwrap_or_default();
    let first_frame = videos::only(given.images, 0)?;
    let mut order = videos::read_with(gateway, &caller.0, &mut fields, (dialect, usual, first_frame))?;
    let mut uploads = videos::works_from(request, caller, gateway, (&mut order, source)).await?;
    if let Some(mut fields) = guest {
        let origin = answer::origin(request);
        uploads.push(character::put_guest(gateway, caller, &origin, (&mut fields, &mut order.video)).await?);
    }
    let made =
        Made { endpoint, model: order.model, video: order.video, uploads, body_hash, in_background: true };
    videos::hand_in(request, caller, gateway, made).await
}
