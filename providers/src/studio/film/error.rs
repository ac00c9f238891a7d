//! Why a film could not be made.

use super::{super::paint::StudioError, MAX_SECONDS, MAX_SIDE, MIN_SIDE};

/// Why a film could not be made. The text is for whoever asked; what only a log should hold is kept apart.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// A side is odd, or out of bounds.
    #[error(
        "a film of {width}x{height} pixels cannot be made: both sides must be even and {MIN_SIDE} to {MAX_SIDE}"
    )]
    Size {
        /// Asked width.
        width: u32,
        /// Asked height.
        height: u32,
    },
    /// No time, or too much of it.
    #[error("a film of {seconds} s cannot be made: it must last 1 to {MAX_SECONDS} s")]
    Seconds {
        /// Asked seconds.
        seconds: u32,
    },
    /// The source is already as long as the film that should go on from it.
    #[error("the video lasts {source_seconds:.1} s already: ask for more seconds in all than that")]
    NothingToAdd {
        /// Seconds of the source.
        source_seconds: f64,
    },
    /// A video or picture that was given cannot be read.
    #[error("{reason}")]
    Footage {
        /// What is wrong with it, and what would be right.
        reason: String,
        /// What the parser or decoder said.
        context: String,
    },
    /// The caller did not want it any more.
    #[error("the film was stopped")]
    Stopped,
    /// An encoder refused.
    #[error("the {format} encoder failed: {reason}")]
    Encode {
        /// Which encoder.
        format: &'static str,
        /// Its own words.
        reason: String,
    },
    /// A composition or still could not be painted or encoded.
    #[error(transparent)]
    Studio(#[from] StudioError),
}

impl FilmError {
    /// What is wrong with a given video.
    pub(super) fn footage(reason: &str, context: impl Into<String>) -> Self {
        Self::Footage { reason: reason.into(), context: context.into() }
    }

    /// What an encoder said.
    pub(super) fn encode(format: &'static str, reason: impl Into<String>) -> Self {
        Self::Encode { format, reason: reason.into() }
    }
}
