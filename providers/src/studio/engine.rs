//! The drawing engine behind the `Engine` trait: a submit only notes the time, a poll past the latency draws. Nothing is
//! remembered between calls, so a killed process loses nothing and drawing again gives the same bytes.

use super::{
    Detail, Drawing, Edit, FileFormat, FontBook, MAX_PARTIALS, Motion, StudioConfig, StudioError, edit,
    encode,
    script::{Mishap, Script},
    shooting,
};
use atelier_domain::{
    account::Account,
    engine::{
        Abilities, Call, Cancellation, Checkup, Credential, Engine, EngineEvent, EventSink, LocalFuture,
        Lookup, Output, Polled, Submission, Task, UpstreamHandle, VideoSources,
    },
    fault::{Fault, FaultClass},
    image::{Background, Complexity, ImageSpec, OutputFormat, Quality},
    reference::MAX_REFERENCES,
    time::{Clock, Millis},
};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Outputs of one call; the API asks for no more.
const MAX_OUTPUTS: u32 = 10;
/// The longest time between two looks at running work, so that its progress moves.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// `output_compression` of a JPEG when nobody asks for one.
const JPEG_QUALITY: u8 = 100;
/// When scripted limits end.
const SCRIPTED_COOL_DOWN: Duration = Duration::from_secs(2);

/// The embedded engine.
pub struct Studio {
    config: StudioConfig,
    clock: Arc<dyn Clock>,
    fonts: FontBook,
    permits: Arc<Semaphore>,
    /// Held from the reading of references to the last output: it is what bounds how many edits are in memory.
    desks: Arc<Semaphore>,
}

/// The upstream handle: with the task, all that a poll needs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ticket {
    started: Millis,
    latency_ms: u64,
}

impl Ticket {
    fn ready(self) -> Millis {
        self.started + Duration::from_millis(self.latency_ms)
    }

    /// The answer while the time has not come.
    fn pending(self, now: Millis) -> Option<Polled> {
        let ready = self.ready();
        (now < ready).then(|| {
            let elapsed = u64::try_from(now.since(self.started).as_millis()).unwrap_or(u64::MAX);
            let percent = elapsed.saturating_mul(100) / self.latency_ms.max(1);
            let progress = u8::try_from(percent.min(99)).ok();
            Polled::Pending { progress, poll_at: ready.min(now + POLL_EVERY) }
        })
    }
}

impl Studio {
    /// An engine with this configuration.
    ///
    /// # Errors
    /// When the built-in font does not parse.
    pub fn new(config: StudioConfig, clock: Arc<dyn Clock>) -> Result<Self, StudioError> {
        let fonts = FontBook::new(config.font_paths.clone())?;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if config.render_threads == 0 { cores() } else { config.render_threads };
        let [permits, desks] = [(); 2].map(|()| Arc::new(Semaphore::new(threads)));
        Ok(Self { config, clock, fonts, permits, desks })
    }

    fn script(&self, task: &Task) -> Script {
        let prompt = match task {
            Task::Image(spec) => &spec.prompt,
            Task::Video(spec) => &spec.prompt,
        };
        if self.config.faults { Script::read(prompt) } else { Script::plain(prompt) }
    }

    pub(super) fn fonts(&self) -> &FontBook {
        &self.fonts
    }

    fn begin(&self, call: &Call) -> Submission {
        let script = self.script(&call.task);
        let now = self.clock.now();
        match script.mishap(call.attempt) {
            Some(Mishap::Panic) => panicked(),
            Some(Mishap::Fault(FaultClass::UnknownOutcome)) => {
                return Submission::Unknown(scripted(FaultClass::UnknownOutcome, now));
            }
            Some(Mishap::Fault(class)) if class != FaultClass::JobLost => {
                return Submission::Rejected(scripted(class, now));
            }
            _ => {}
        }
        let checked = match &*call.task {
            Task::Image(spec) => {
                let references = spec.references.as_ref().map_or(Ok(()), edit::check);
                drawing(spec, &script, 0).check().and(references).map_err(|error| fault(&error))
            }
            Task::Video(spec) => shooting::check(spec, &script),
        };
        if let Err(fault) = checked {
            return Submission::Rejected(fault);
        }
        let ticket = Ticket { started: now, latency_ms: script.delay_ms.unwrap_or(self.config.latency_ms) };
        match serde_json::to_value(ticket) {
            Ok(handle) => Submission::Accepted { handle, poll_at: ticket.ready().min(now + POLL_EVERY) },
            Err(error) => Submission::Rejected(internal(&error.to_string())),
        }
    }

    async fn look(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> Polled {
        let script = self.script(&call.task);
        let now = self.clock.now();
        if script.mishap(call.attempt) == Some(Mishap::Fault(FaultClass::JobLost)) {
            return Polled::Failed(scripted(FaultClass::JobLost, now));
        }
        let ticket: Ticket = match serde_json::from_value(handle) {
            Ok(ticket) => ticket,
            Err(error) => {
                let lost = Fault::new(FaultClass::JobLost, "the drawing engine does not know this job");
                return Polled::Failed(lost.with_context(error.to_string()));
            }
        };
        match (ticket.pending(now), &*call.task) {
            (Some(pending), _) => pending,
            (None, Task::Image(spec)) => self.draw(spec, &script, &call.events).await,
            (None, Task::Video(spec)) => self.shoot(spec, &script, &call.events).await,
        }
    }

    /// Draws all outputs, each on a thread of its own as far as there are permits. The references are read once for all.
    async fn draw(self: Arc<Self>, spec: &ImageSpec, script: &Script, events: &EventSink) -> Polled {
        let (edit, _desk) = match self.read(spec).await {
            Ok(Some((edit, desk))) => (Some(edit), Some(desk)),
            Ok(None) => (None, None),
            Err(fault) => return Polled::Failed(fault),
        };
        let outputs = (0..spec.n.clamp(1, MAX_OUTPUTS)).map(|index| {
            let order = Order {
                drawing: Drawing { edit: edit.clone(), ..drawing(spec, script, index) },
                format: format(spec),
                mime: spec.format.mime(),
                partials: spec.partial_images.min(MAX_PARTIALS),
                events: Arc::clone(events),
            };
            let mishap = script.output_fault(index).map(|class| scripted(class, self.clock.now()));
            let studio = Arc::clone(&self);
            async move {
                match mishap {
                    Some(fault) => Err(fault),
                    None => studio.draw_one(order).await,
                }
            }
        });
        let (mut made, mut first_fault) = (Vec::new(), None);
        for result in join_all(outputs).await {
            match result {
                Ok(output) => made.push(output),
                Err(fault) => first_fault = first_fault.or(Some(fault)),
            }
        }
        match first_fault {
            Some(fault) if made.is_empty() => Polled::Failed(fault),
            _ => Polled::Done(made),
        }
    }

    async fn read(&self, spec: &ImageSpec) -> Result<Option<(Arc<Edit>, OwnedSemaphorePermit)>, Fault> {
        let Some(references) = spec.references.clone() else { return Ok(None) };
        let desks = Arc::clone(&self.desks);
        let desk = desks.acquire_owned().await.map_err(|error| internal(&error.to_string()))?;
        let (size, opaque) = (spec.size, spec.background == Background::Opaque);
        let edit = self.blocking(move || Edit::read(&references, size, opaque)).await?;
        Ok(Some((Arc::new(edit), desk)))
    }

    async fn draw_one(self: Arc<Self>, order: Order) -> Result<Output, Fault> {
        let studio = Arc::clone(&self);
        self.blocking(move || order.fulfil(&studio.fonts)).await
    }

    /// Runs work on a thread of its own, once there is a permit.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StudioError> + Send + 'static,
    ) -> Result<T, Fault> {
        self.on_a_thread(work).await?.map_err(|error| fault(&error))
    }

    /// The same for work that says itself how it went.
    pub(super) async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.map_err(|error| internal(&error.to_string()))?;
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        work.await.map_err(|error| internal(&error.to_string()))
    }
}

impl Engine for Studio {
    fn name(&self) -> &'static str {
        "studio"
    }

    fn abilities(&self, _: &Account) -> Abilities {
        Abilities {
            references: MAX_REFERENCES,
            mask: true,
            video_sources: VideoSources::File,
            relays: false,
            families: None,
            ..Abilities::NONE
        }
    }

    fn check(self: Arc<Self>, _: Credential) -> LocalFuture<Result<Checkup, Fault>> {
        Box::pin(async { Ok(Checkup::default()) })
    }

    fn submit(self: Arc<Self>, call: Call) -> LocalFuture<Submission> {
        Box::pin(async move { self.begin(&call) })
    }

    fn lookup(self: Arc<Self>, call: Call) -> LocalFuture<Lookup> {
        Box::pin(async move {
            match self.script(&call.task).mishap(call.attempt) {
                Some(Mishap::Fault(FaultClass::UnknownOutcome)) => Lookup::CannotTell,
                // A submit that ended without its handle being stored left nothing behind.
                _ => Lookup::NeverArrived,
            }
        })
    }

    fn poll(self: Arc<Self>, call: Call, handle: UpstreamHandle) -> LocalFuture<Polled> {
        Box::pin(self.look(call, handle))
    }

    fn cancel(self: Arc<Self>, _call: Call, _handle: UpstreamHandle) -> LocalFuture<Cancellation> {
        // Work exists only inside of a poll, and dropping that poll drops what has not begun.
        Box::pin(async { Cancellation::Stopped })
    }
}

/// One output to make on a blocking thread.
struct Order {
    drawing: Drawing,
    format: FileFormat,
    mime: &'static str,
    partials: u8,
    events: EventSink,
}

impl Order {
    fn fulfil(self, fonts: &FontBook) -> Result<Output, StudioError> {
        let Self { drawing, format, mime, partials, events } = self;
        for index in 0..partials {
            let bytes = encode::preview(&drawing, fonts, format, (index, partials))?.into();
            events(EngineEvent::Partial { output: drawing.index, index, bytes });
        }
        let bytes = encode::file(&drawing, fonts, format)?;
        let (width, height) = (drawing.width, drawing.height);
        Ok(Output {
            bytes,
            mime,
            width,
            height,
            revised_prompt: None,
            companions: Vec::new(),
            seconds: None,
            usage: None,
        })
    }
}

fn drawing(spec: &ImageSpec, script: &Script, index: u32) -> Drawing {
    Drawing {
        prompt: script.prompt.clone(),
        negative_prompt: spec.negative_prompt.clone(),
        model: spec.model.clone(),
        style: spec.style.clone(),
        seed: spec.seed,
        index,
        width: spec.size.width,
        height: spec.size.height,
        detail: match spec.quality {
            Quality::Low => Detail::Low,
            Quality::Auto | Quality::Medium | Quality::Standard => Detail::Medium,
            Quality::High | Quality::XHigh | Quality::Max | Quality::Hd => Detail::High,
        },
        density: match spec.complexity {
            Some(Complexity::Low) => 1,
            Some(Complexity::Medium) | None => 2,
            Some(Complexity::High) => 3,
        },
        transparent: spec.background == Background::Transparent,
        edit: None,
    }
}

fn format(spec: &ImageSpec) -> FileFormat {
    match spec.format {
        OutputFormat::Png => FileFormat::Png,
        OutputFormat::Jpeg => FileFormat::Jpeg(spec.compression.unwrap_or(JPEG_QUALITY)),
        OutputFormat::Webp => FileFormat::Webp,
        OutputFormat::Gif => {
            FileFormat::Gif(spec.animation.map_or_else(Motion::default, |asked| Motion {
                frames: asked.frames,
                frame_ms: asked.frame_ms,
            }))
        }
        OutputFormat::Svg => FileFormat::Svg,
    }
}

fn fault(error: &StudioError) -> Fault {
    match error {
        StudioError::Reference { detail, .. } => {
            Fault::new(FaultClass::Invalid, error.to_string()).with_context(detail.as_str())
        }
        StudioError::Size { .. } | StudioError::References(_) => {
            Fault::new(FaultClass::Invalid, error.to_string())
        }
        _ => internal(&error.to_string()),
    }
}

pub(super) fn internal(context: &str) -> Fault {
    Fault::new(FaultClass::Internal, "the drawing engine failed").with_context(context)
}

fn scripted(class: FaultClass, now: Millis) -> Fault {
    let fault = Fault::new(class, format!("scripted fault: {}", class.name()))
        .with_context("asked for by the prompt");
    match class {
        FaultClass::RateLimited
        | FaultClass::Concurrency
        | FaultClass::QuotaWindow
        | FaultClass::Overloaded => fault.with_retry_at(now + SCRIPTED_COOL_DOWN),
        _ => fault,
    }
}

#[expect(
    clippy::panic,
    reason = "the script asks for a real panic, to see that the job machinery survives one"
)]
fn panicked() -> ! {
    panic!("scripted panic of the drawing engine")
}
