//! What an upstream does with one call, as a test scripts it. In JSON a behaviour without settings is a word (`"hang"`), one with
//! settings an object of one key (`{"cut":{"how":"length"}}`).

use super::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What happens to one call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Behaviour {
    /// It is answered as it should be.
    #[default]
    Ok,
    /// Something else happens, but later.
    Delay {
        /// By so many milliseconds.
        ms: u64,
        /// What happens then.
        #[serde(default)]
        then: Box<Behaviour>,
    },
    /// The request is read and never answered, until the client goes.
    Hang,
    /// The connection is reset when the head has arrived; the body is not read.
    ResetBeforeBody,
    /// The connection is reset when the whole request has arrived, which has no effect.
    ResetAfterBody,
    /// The connection is closed with a FIN when the whole request has arrived, without an answer.
    CloseAfterBody,
    /// The call takes effect, and the connection is reset instead of an answer: its outcome is unknown to the client.
    AcceptThenReset,
    /// The call takes effect, and its client waits in vain until it goes.
    AcceptThenHang,
    /// The call takes effect, and is refused all the same, as by a proxy that lost its patience.
    AcceptThenRefuse(Refusal),
    /// The answer breaks off in the middle.
    Cut {
        /// How its length was announced.
        #[serde(default)]
        how: Framing,
        /// Where it breaks off, in hundredths of it.
        #[serde(default = "half")]
        percent: u8,
    },
    /// The answer comes in pieces (of an event stream: its events) so far apart.
    Drip {
        /// Milliseconds between two of them.
        ms: u64,
    },
    /// Of an event stream: the last event is an error instead.
    ErrorEvent(Refusal),
    /// It is refused the way upstreams refuse.
    Refuse(Refusal),
    /// It is answered with exactly this.
    Answer(Answer),
    /// It is answered with a page for people.
    Html {
        /// Under this status.
        #[serde(default = "fine")]
        status: u16,
    },
    /// The right answer, announced as something else.
    ContentType(String),
    /// A picture of another size than was asked for.
    WrongSize {
        /// Its width and height in pixels.
        size: (u32, u32),
    },
    /// Bytes that are no picture (or film) where one belongs.
    NotAnImage,
    /// Where a link to a result is answered: one that does not work.
    ExpiredUrl {
        /// What following it answers.
        #[serde(default = "forbidden")]
        status: u16,
    },
    /// The client is sent elsewhere.
    Redirect {
        /// The whole URL.
        to: String,
        /// With this status.
        #[serde(default = "temporary")]
        status: u16,
    },
    /// Of a new video: what becomes of it.
    Job(Course),
    /// Of a refresh: the access token that it answers has expired already.
    StaleToken,
}

impl Behaviour {
    /// The same, so many milliseconds later.
    #[must_use]
    pub fn after_ms(self, ms: u64) -> Self {
        Self::Delay { ms, then: Box::new(self) }
    }

    /// How long to wait in all, in milliseconds, and what to do then.
    pub(super) fn unfold(self) -> (u64, Self) {
        let (mut total, mut inner) = (0_u64, self);
        while let Self::Delay { ms, then } = inner {
            (total, inner) = (total.saturating_add(ms), *then);
        }
        (total, inner)
    }
}

/// How the length of an answer is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// Up front, by `Content-Length`.
    #[default]
    Length,
    /// At its end, by the last chunk.
    Chunked,
}

/// An answer that is written out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its body as JSON; none means that `text` is the body.
    #[serde(default)]
    pub json: Option<Value>,
    /// Its body as plain text.
    #[serde(default)]
    pub text: String,
}

/// How a video job goes on after it was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Course {
    /// How many polls find it unready.
    pub polls: u32,
    /// And how long it takes at least, in milliseconds of the upstream's clock.
    pub takes_ms: u64,
    /// What the next poll finds.
    pub end: Outcome,
    /// Of a failure: its code.
    pub code: String,
    /// Of a failure: its message.
    pub message: String,
    /// Of a failure: the status of the poll that tells it, where the dialect would say 200.
    pub status: Option<u16>,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            polls: 2,
            takes_ms: 0,
            end: Outcome::Completed,
            code: "video_generation_failed".to_owned(),
            message: "Video generation failed.".to_owned(),
            status: None,
        }
    }
}

/// How a video job ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With a film.
    #[default]
    Completed,
    /// With an error.
    Failed,
    /// The upstream knows nothing of it any more.
    Forgotten,
    /// Not at all.
    Never,
}

const fn half() -> u8 {
    50
}

const fn fine() -> u16 {
    200
}

const fn forbidden() -> u16 {
    403
}

const fn temporary() -> u16 {
    307
}
