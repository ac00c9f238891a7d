//! In what engines differ that all speak "the OpenAI API".

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which engine an upstream speaks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI itself.
    #[default]
    Openai,
    /// Azure OpenAI: the same under `/openai/v1`, opened by `api-key` too.
    Azure,
    /// SGLang Diffusion.
    Sglang,
    /// vLLM-Omni.
    VllmOmni,
    /// The server of stable-diffusion.cpp: images only.
    SdServer,
    /// LocalAI: images only.
    Localai,
    /// A gateway that passes on to others, with words of its own.
    Relay,
}

/// How an error's body looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"error":{"message","type","param","code"}}`.
    Object,
    /// `{"error":"…"}`.
    Text,
    /// `{"detail":"…"}`.
    Detail,
}

/// The words for a job's state: waiting, under way, done, failed.
pub struct Words {
    /// It has not begun.
    pub queued: &'static str,
    /// It is under way.
    pub running: &'static str,
    /// It is done.
    pub completed: &'static str,
    /// It failed.
    pub failed: &'static str,
}

const OPENAI: Words =
    Words { queued: "queued", running: "in_progress", completed: "completed", failed: "failed" };
const RELAY: Words =
    Words { queued: "submitted", running: "processing", completed: "success", failed: "failure" };

impl Dialect {
    /// The models that such an engine serves, where there are usual ones.
    pub fn models(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Openai | Self::Azure | Self::Relay => None,
            Self::Sglang => Some(&["Wan-AI/Wan2.2-T2V-A14B-Diffusers"]),
            Self::VllmOmni => Some(&["MiniMaxAI/MiniMax-H3"]),
            Self::SdServer => Some(&["sd-cpp-local"]),
            Self::Localai => Some(&["flux.1-dev"]),
        }
    }

    /// Whether a key is asked for.
    pub fn needs_key(self) -> bool {
        !matches!(self, Self::Sglang | Self::VllmOmni | Self::SdServer)
    }

    /// How it says no.
    pub fn error_shape(self) -> ErrorShape {
        match self {
            Self::Sglang | Self::VllmOmni => ErrorShape::Detail,
            Self::SdServer => ErrorShape::Text,
            _ => ErrorShape::Object,
        }
    }

    /// Whether it is OpenAI's own service, with its own limits on values.
    pub fn is_strict(self) -> bool {
        matches!(self, Self::Openai | Self::Azure)
    }

    /// Whether it has `POST /images/edits`.
    pub fn edits_images(self) -> bool {
        self != Self::Localai
    }

    /// Whether it has videos.
    pub fn films(self) -> bool {
        !matches!(self, Self::SdServer | Self::Localai)
    }

    /// Whether it has remixes, edits and extensions of videos.
    pub fn works_over(self) -> bool {
        matches!(self, Self::Openai | Self::Azure | Self::Relay)
    }

    /// Whether it has chat completions and responses.
    pub fn talks(self) -> bool {
        matches!(self, Self::Openai | Self::Azure | Self::Relay | Self::Localai)
    }

    /// Whether images come as an event stream when that is asked for.
    pub fn streams_images(self) -> bool {
        matches!(self, Self::Openai | Self::Azure | Self::Relay)
    }

    /// What a job's states are called.
    pub fn words(self) -> Words {
        if self == Self::Relay { RELAY } else { OPENAI }
    }
}
