//! The answer to a request for images. Pure.

use super::super::{
    error::{Asked, Refusal},
    upstream::{Upstream, no_result},
};
use crate::outbound::{Held, Place};
use atelier_domain::{
    engine::{Output, TokenUsage},
    fault::{Fault, FaultClass, FaultScope},
};
use base64::{Engine as _, engine::GeneralPurpose, engine::general_purpose};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use serde_json::Value;
use std::fmt;

/// Some upstreams leave the padding away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    general_purpose::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);
/// Images that one answer may name; the API asks for 10.
const MAX_ITEMS: usize = 16;

/// What came.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// The images, in order.
    pub items: Vec<Item>,
    /// The tokens of all of them.
    pub usage: Option<TokenUsage>,
    /// Held while so much is in memory.
    pub _place: Place,
}

/// One image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its file.
    pub file: File,
    /// The prompt that was used for it.
    pub revised_prompt: Option<String>,
}

/// Where an image is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum File {
    /// Here.
    Bytes(Vec<u8>),
    /// There.
    Url(String),
}

/// Why a 200 is no result.
#[derive(Debug)]
pub(super) enum Unread {
    /// A page for people: no engine's answer.
    Stranger,
    /// Cut off, or nothing that can be read.
    Cut,
    /// JSON without images.
    Empty(String),
    /// An error that came with a 200.
    Refused(Box<Refusal>),
}

impl Unread {
    /// The fault that it is.
    pub fn fault(self, upstream: &Upstream) -> Fault {
        match self {
            Self::Stranger => {
                let mut fault = Fault::new(
                    FaultClass::Network,
                    "the address of the engine answers, but not as an engine does",
                );
                fault.scope = FaultScope::Account;
                fault.with_context("status 200 with a page for people: is the base URL right?")
            }
            Self::Cut => {
                let message = "the request reached the engine and its answer broke off";
                Fault::new(FaultClass::UnknownOutcome, message)
                    .with_context("a body that ends too early, or is no JSON")
            }
            Self::Empty(what) => no_result(what),
            Self::Refused(refusal) => upstream.fault(&refusal, Asked::Image),
        }
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Option<Vec<Datum>>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Datum {
    #[serde(default)]
    b64_json: Option<Coded>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    revised_prompt: Option<String>,
}

/// Bytes that stand in base64, decoded where they stand: an answer may be hundreds of megabytes, and is not copied as text.
struct Coded(Vec<u8>);

impl<'de> Deserialize<'de> for Coded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decoder;

        impl Visitor<'_> for Decoder {
            type Value = Coded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }

            fn visit_str<E: de::Error>(self, coded: &str) -> Result<Coded, E> {
                // What does not decode is no picture, but the ones beside it may be.
                Ok(Coded(decoded(coded).unwrap_or_default()))
            }
        }

        deserializer.deserialize_str(Decoder)
    }
}

/// Reads a whole answer.
///
/// # Errors
/// [`Unread`].
pub(super) fn read(held: Held) -> Result<Reply, Unread> {
    let (bytes, place) = held.into_parts();
    let body: Body = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        // Nothing at all is no page either.
        Err(error) if error.is_eof() => return Err(Unread::Cut),
        // Anything but a page may be what an engine made, such as events under a false name: it must not be made again.
        Err(_) if bytes.trim_ascii_start().starts_with(b"<") => return Err(Unread::Stranger),
        Err(error) => return Err(Unread::Empty(error.to_string())),
    };
    if let Some(refusal) = body.error.filter(|error| !error.is_null()) {
        let refusal = Refusal::of(&serde_json::json!({ "error": refusal })).unwrap_or_default();
        return Err(Unread::Refused(Box::new(refusal)));
    }
    let data = body.data.unwrap_or_default();
    let items: Vec<_> = data.into_iter().take(MAX_ITEMS).filter_map(item).collect();
    if items.is_empty() {
        return Err(Unread::Empty("the answer has no images".into()));
    }
    Ok(Reply { items, usage: body.usage.as_ref().and_then(usage), _place: place })
}

fn item(datum: Datum) -> Option<Item> {
    let file = match (datum.b64_json.filter(|coded| !coded.0.is_empty()), datum.url) {
        (Some(coded), _) => File::Bytes(coded.0),
        (None, Some(url)) if url.starts_with("data:") => File::Bytes(decoded(&url)?),
        (None, Some(url)) if !url.is_empty() => File::Url(url),
        _ => return None,
    };
    Some(Item { file, revised_prompt: datum.revised_prompt.filter(|prompt| !prompt.is_empty()) })
}

/// Bytes out of base64, a data URI's head or not.
pub(super) fn decoded(coded: &str) -> Option<Vec<u8>> {
    let coded = match coded.strip_prefix("data:") {
        Some(uri) => uri.split_once(";base64,")?.1,
        None => coded,
    };
    BASE64.decode(coded.trim()).ok()
}

/// The tokens, in OpenAI's words.
pub(super) fn usage(said: &Value) -> Option<TokenUsage> {
    let number = |place: &str| said.pointer(place).and_then(Value::as_u64);
    let input = number("/input_tokens").unwrap_or(0);
    let input_image = number("/input_tokens_details/image_tokens").unwrap_or(0);
    let input_text = number("/input_tokens_details/text_tokens").unwrap_or(input.saturating_sub(input_image));
    let usage = TokenUsage { input_text, input_image, output: number("/output_tokens").unwrap_or(0) };
    (usage != TokenUsage::default()).then_some(usage)
}

/// Shares the tokens of a request among its images, so that they add up to it: what cannot be divided is the first one's.
pub(super) fn share(usage: Option<TokenUsage>, outputs: &mut [Output]) {
    let Some(total) = usage else { return };
    let count = u64::try_from(outputs.len()).unwrap_or(1).max(1);
    for (number, output) in outputs.iter_mut().enumerate() {
        let part = |tokens: u64| tokens / count + if number == 0 { tokens % count } else { 0 };
        output.usage = Some(TokenUsage {
            input_text: part(total.input_text),
            input_image: part(total.input_image),
            output: part(total.output),
        });
    }
}
