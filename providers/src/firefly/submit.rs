//! Beginning a job: references first, then as many submits as it takes. From the first one that was accepted on, the job is under
//! way: what the others meet makes it smaller, and never begins it anew.

use super::{
    films,
    images::{Drawing, seed},
    job::{Handle, Part},
    models::{ServicesModel, WebModel},
    refusal::{Asked, Refusal},
    services::{self, MOST_VARIATIONS},
    upload,
    upstream::{Flavour, Note, Request, Upstream},
};
use crate::{
    desk::Desk,
    outbound::{Payload, no_result},
};
use atelier_domain::{
    code::Code,
    engine::{Call, Submission, Task},
    fault::{Fault, FaultClass, FaultScope},
    image::{Background, ImageSpec, OutputFormat},
    job::JobKind,
    time::Millis,
    video::VideoSpec,
};
use awc::http::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;
use url::Url;

/// Pictures of one job; the API asks for no more.
const MOST_OUTPUTS: u32 = 10;
/// References of one picture of the web back end.
pub(super) const MOST_REFERENCES: usize = 6;

/// One submit.
struct Order {
    path: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, in every form; the next is for an upstream that refuses the one before as malformed.
    forms: Vec<Value>,
    outputs: u32,
    is_fine: bool,
}

/// Begins a job.
///
/// # Errors
/// What kept all of it from being begun, or from being known.
pub(super) async fn begin(upstream: &Upstream, call: &Call, desk: &Desk) -> Result<Submission, Fault> {
    let orders = match (&*call.task, upstream.flavour) {
        (Task::Image(spec), Flavour::Web) => web_images(upstream, spec, desk).await?,
        (Task::Image(spec), Flavour::Services) => services_images(upstream, spec, desk).await?,
        (Task::Video(spec), Flavour::Web) => vec![web_film(upstream, spec, desk).await?],
        (Task::Video(spec), Flavour::Services) => vec![services_film(upstream, spec, desk).await?],
    };
    let (mut parts, mut poll_at, mut form) = (Vec::new(), upstream.now(), 0);
    for order in orders {
        match place(upstream, &order, &mut form).await {
            Ok((part, at)) => {
                parts.push(part);
                poll_at = poll_at.max(at);
            }
            Err(fault) if parts.is_empty() => return Err(fault),
            Err(fault) => {
                let (class, accepted) = (fault.class.name(), parts.len());
                tracing::warn!(job_id = %call.job, class, accepted, context = %fault.context, "a job goes on without some of its pictures");
                break;
            }
        }
    }
    let handle = serde_json::to_value(Handle { since: upstream.now(), parts });
    let handle = handle.map_err(|error| unknown(error.to_string()))?;
    Ok(Submission::Accepted { handle, poll_at })
}

/// It may run, and nobody can ask for it.
fn unknown(context: String) -> Fault {
    let message = "the request reached the engine, and its answer cannot be read";
    Fault::new(FaultClass::UnknownOutcome, message).with_context(context)
}

async fn place(upstream: &Upstream, order: &Order, form: &mut usize) -> Result<(Part, Millis), Fault> {
    let url = upstream.url(order.path)?;
    let asked = Asked::Submit { is_fine: order.is_fine };
    loop {
        let Some(body) = order.forms.get(*form) else {
            return Err(no_result("a submit without a body".into()));
        };
        let payload = Payload::Json(body.to_string().into());
        let request = Request { method: Method::POST, url: &url, headers: &order.headers, payload, asked };
        match upstream.ask_raw(request).await? {
            Ok(note) => return accepted(upstream, &note, order),
            Err(refusal) => {
                let fault = upstream.fault(&refusal, asked);
                if !is_of_form(&refusal, &fault) || *form + 1 >= order.forms.len() {
                    return Err(fault);
                }
                *form += 1;
            }
        }
    }
}

/// Whether another form of the same request may be understood: only a body that was read and found malformed says so.
fn is_of_form(refusal: &Refusal, fault: &Fault) -> bool {
    matches!(refusal.status, 400 | 422) && fault.class == FaultClass::Invalid && fault.code.is_none()
}

fn accepted(upstream: &Upstream, note: &Note, order: &Order) -> Result<(Part, Millis), Fault> {
    if note.is_page {
        let message = "the address of the engine answers, but not as an engine does";
        let mut fault = Fault::new(FaultClass::Network, message);
        fault.scope = FaultScope::Account;
        return Err(
            fault.with_context("a submit was answered with a page for people: is the base URL right?")
        );
    }
    let said = &note.said;
    let text = |place: &str| said.pointer(place).and_then(Value::as_str).filter(|url| !url.is_empty());
    let header = note.headers.get("x-override-status-link").and_then(|link| link.to_str().ok());
    let named = header
        .or_else(|| text("/links/result/href"))
        .or_else(|| text("/links/result"))
        .or_else(|| text("/statusUrl"))
        .or_else(|| text("/resultUrl"));
    let named = named.ok_or_else(|| unknown("the answer to a submit names nothing to poll".into()))?;
    let poll = upstream.trusted(named);
    let poll =
        poll.ok_or_else(|| unknown("the answer to a submit names a host that is not trusted".into()))?;
    let cancel = text("/cancelUrl").filter(|_| upstream.flavour == Flavour::Services).map(str::to_owned);
    let is_film = order.path.contains("video");
    let poll = if is_film { shard(poll) } else { poll };
    Ok((Part { poll: poll.into(), cancel, outputs: order.outputs }, upstream.next_look(&note.headers)))
}

/// Where a film's job is looked at when its answer names a machine of the inner network.
pub(super) fn shard(url: Url) -> Url {
    let host = url.host_str().unwrap_or_default().to_owned();
    let digits = host.strip_prefix("firefly-epo").and_then(|rest| rest.strip_suffix(".adobe.io"));
    let digits = digits.filter(|digits| digits.len() >= 4 && digits.chars().all(|c| c.is_ascii_digit()));
    let job = url.path_segments().and_then(|mut parts| parts.next_back()).filter(|job| !job.is_empty());
    let rewritten = digits.zip(job).map(|(digits, job)| {
        format!("https://bks-epo{}.adobe.io/v2/jobs/result/{job}?host={host}/", &digits[..4])
    });
    rewritten.and_then(|rewritten| Url::parse(&rewritten).ok()).unwrap_or(url)
}

fn no_model(name: &str) -> Fault {
    let mut fault =
        Fault::new(FaultClass::ModelGone, "the engine of the account in use does not have this model");
    fault.scope = FaultScope::AccountModel;
    fault.with_context(format!("model {name:?}"))
}

fn refuse_image(spec: &ImageSpec, most_references: usize) -> Result<(), Fault> {
    let references = spec.references.as_ref();
    let (code, lacks) = if spec.format == OutputFormat::Svg {
        (Code::UpstreamRejected, "makes no SVG: ask for png, jpeg or webp")
    } else if spec.background == Background::Transparent {
        (Code::UpstreamRejected, "makes no transparent background: leave it out")
    } else if references.is_some_and(|given| given.images.len() > most_references) {
        (Code::TooManyReferences, "takes fewer reference images")
    } else if references.is_some_and(|given| given.mask.is_some() || given.markup.is_some()) {
        (Code::MaskUnsupported, "honours no mask or markup: leave it out")
    } else {
        return Ok(());
    };
    Err(films::lacks(code, &format!("the engine of this model {lacks}")))
}

async fn uploaded(upstream: &Upstream, spec: &ImageSpec, desk: &Desk) -> Result<Vec<String>, Fault> {
    let mut blobs = Vec::new();
    for picture in spec.references.iter().flat_map(|given| &given.images) {
        blobs.push(upload::reference(upstream, picture, desk).await?);
    }
    Ok(blobs)
}

async fn web_images(upstream: &Upstream, spec: &ImageSpec, desk: &Desk) -> Result<Vec<Order>, Fault> {
    let model = WebModel::named(&spec.model).ok_or_else(|| no_model(&spec.model))?;
    refuse_image(spec, MOST_REFERENCES)?;
    let blobs = uploaded(upstream, spec, desk).await?;
    let drawing = Drawing { size: model.sizes().nearest(spec.size), model: &model, spec, blobs: &blobs };
    let first = seed(spec.seed, 0);
    let order = |number| Order {
        path: "/v2/3p-images/generate-async",
        headers: Vec::new(),
        forms: drawing.forms(seed(Some(first), number)),
        outputs: 1,
        is_fine: drawing.is_fine(),
    };
    Ok((0..spec.n.clamp(1, MOST_OUTPUTS)).map(order).collect())
}

async fn web_film(upstream: &Upstream, spec: &VideoSpec, desk: &Desk) -> Result<Order, Fault> {
    let model = WebModel::named(&spec.model).ok_or_else(|| no_model(&spec.model))?;
    // What cannot be made is told before anything is sent.
    films::body(&model, spec, None)?;
    let frame = match &spec.first_frame {
        Some(picture) => Some(upload::frame(upstream, picture, spec.size, desk).await?),
        None => None,
    };
    let forms = vec![films::body(&model, spec, frame.as_deref())?];
    let path = "/v2/3p-videos/generate-async";
    Ok(Order { path, headers: Vec::new(), forms, outputs: 1, is_fine: false })
}

fn services_model(name: &str, kind: JobKind) -> Result<&'static ServicesModel, Fault> {
    ServicesModel::named(name).filter(|model| model.kind == kind).ok_or_else(|| no_model(name))
}

fn version(model: &ServicesModel) -> Vec<(HeaderName, HeaderValue)> {
    vec![(HeaderName::from_static("x-model-version"), HeaderValue::from_static(model.version))]
}

async fn services_images(upstream: &Upstream, spec: &ImageSpec, desk: &Desk) -> Result<Vec<Order>, Fault> {
    let model = services_model(&spec.model, JobKind::Image)?;
    refuse_image(spec, 1)?;
    let spec = &ImageSpec { seed: Some(seed(spec.seed, 0)), ..spec.clone() };
    services::image(model, spec, (0, 1), None)?;
    let blobs = uploaded(upstream, spec, desk).await?;
    let (n, mut first, mut orders) = (spec.n.clamp(1, MOST_OUTPUTS), 0, Vec::new());
    while first < n {
        let outputs = (n - first).min(MOST_VARIATIONS);
        let body = services::image(model, spec, (first, outputs), blobs.first().map(String::as_str))?;
        let path = "/v3/images/generate-async";
        orders.push(Order { path, headers: version(model), forms: vec![body], outputs, is_fine: false });
        first += outputs;
    }
    Ok(orders)
}

async fn services_film(upstream: &Upstream, spec: &VideoSpec, desk: &Desk) -> Result<Order, Fault> {
    let model = services_model(&spec.model, JobKind::Video)?;
    services::film(model, spec, None)?;
    let frame = match &spec.first_frame {
        Some(picture) => Some(upload::frame(upstream, picture, spec.size, desk).await?),
        None => None,
    };
    let forms = vec![services::film(model, spec, frame.as_deref())?];
    Ok(Order { path: "/v3/videos/generate", headers: version(model), forms, outputs: 1, is_fine: false })
}
