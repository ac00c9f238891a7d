//! Webhooks: what a key's own server is told when a job of the key ends, and who carries it there.

use crate::{
    engine::LocalFuture,
    fetch::FetchError,
    ids::{EventId, KeyId, VideoId},
    job::{Job, JobKind, JobState},
    time::Millis,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventType {
    /// A video is there.
    #[serde(rename = "video.completed")]
    VideoCompleted,
    /// A video failed.
    #[serde(rename = "video.failed")]
    VideoFailed,
    /// Images are there.
    #[serde(rename = "image.completed")]
    ImageCompleted,
    /// Images failed.
    #[serde(rename = "image.failed")]
    ImageFailed,
}

impl EventType {
    /// What the end of a job is told as; none for one that its owner cancelled, or that has not ended.
    pub const fn of(kind: JobKind, state: JobState) -> Option<Self> {
        match (kind, state) {
            (JobKind::Video, JobState::Completed) => Some(Self::VideoCompleted),
            (JobKind::Video, JobState::Failed) => Some(Self::VideoFailed),
            (JobKind::Image, JobState::Completed) => Some(Self::ImageCompleted),
            (JobKind::Image, JobState::Failed) => Some(Self::ImageFailed),
            _ => None,
        }
    }

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::VideoCompleted => "video.completed",
            Self::VideoFailed => "video.failed",
            Self::ImageCompleted => "image.completed",
            Self::ImageFailed => "image.failed",
        }
    }
}

/// One event, as its row keeps it until it is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEvent {
    /// Which event: the same at every try, so that receivers can tell repeats.
    pub id: EventId,
    /// Whose it is. Where it goes and what signs it is read from the key at each try.
    pub key: KeyId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The body of the request, fixed when the job ended.
    pub body: String,
    /// When it happened.
    pub created_at: Millis,
    /// Tries that failed.
    #[serde(default)]
    pub tries: u32,
    /// When the next try is due.
    pub due: Millis,
    /// What the last try met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Since when it is a dead letter, which is not tried any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_at: Option<Millis>,
}

impl WebhookEvent {
    /// What this job's end is told as; none if it is told to nobody.
    pub fn of(job: &Job) -> Option<Self> {
        let kind = EventType::of(job.work.kind(), job.state)?;
        let (id, created_at) = (EventId::from_uuid(job.id.uuid()), job.updated_at);
        let about = match job.work.kind() {
            JobKind::Video => VideoId::from_uuid(job.id.uuid()).to_string(),
            JobKind::Image => job.id.to_string(),
        };
        let body = serde_json::json!({
            "id": id, "object": "event", "created_at": created_at.seconds(), "type": kind, "data": { "id": about },
        });
        Some(Self {
            id,
            key: job.key,
            kind,
            body: body.to_string(),
            created_at,
            tries: 0,
            due: created_at,
            last_error: None,
            dead_at: None,
        })
    }
}

/// The secret that events are signed with: `whsec_` and base64. Never logged: its `Debug` shows stars.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// How the written form begins.
    pub const PREFIX: &'static str = "whsec_";

    /// The secret in its written form.
    pub fn given(written: impl Into<String>) -> Self {
        Self(written.into())
    }

    /// The written form, to sign with, and to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(***)")
    }
}

/// What is posted to a key's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Where to.
    pub url: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, byte for byte as it was signed.
    pub body: Bytes,
}

/// Posts notices to addresses that operators name. It follows no redirects, bounds its time, and throws the answer's body away.
pub trait Notifier: Send + Sync {
    /// Posts once and returns the status of the answer.
    ///
    /// # Errors
    /// Whatever kept an answer from being had; the notice may have arrived all the same.
    fn post(self: Arc<Self>, notice: Notice) -> LocalFuture<Result<u16, FetchError>>;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{ids::JobId, job::fixture};
    use uuid::Uuid;

    #[test]
    fn an_event_says_what_ended_and_a_cancelled_or_open_job_says_nothing() {
        let mut job = fixture(JobId::from_uuid(Uuid::from_u128(7)));
        job.updated_at = Millis(61_500);
        for state in JobState::ALL {
            job.state = state;
            let event = WebhookEvent::of(&job);
            let told = event.as_ref().map(|event| event.kind.word());
            let expected = match state {
                JobState::Completed => Some("image.completed"),
                JobState::Failed => Some("image.failed"),
                _ => None,
            };
            assert_eq!(told, expected);
            let Some(event) = event else { continue };
            let body: serde_json::Value = serde_json::from_str(&event.body).unwrap();
            let id = format!("evt_{}", job.id.uuid().simple());
            let data = serde_json::json!({ "id": job.id.to_string() });
            assert_eq!(
                body,
                serde_json::json!({ "id": id, "object": "event", "created_at": 61, "type": told, "data": data })
            );
        }
        assert_eq!(EventType::of(JobKind::Video, JobState::Failed), Some(EventType::VideoFailed));
        assert_eq!(EventType::of(JobKind::Video, JobState::Cancelled), None);
    }

    #[test]
    fn a_signing_secret_is_not_shown_by_accident() {
        let secret = WebhookSecret::given("whsec_c2VjcmV0");
        assert!(!format!("{secret:?}").contains("c2VjcmV0"));
    }
}
