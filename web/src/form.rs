//! Multipart forms: texts become fields, files go to disk as they arrive, and nothing is ever held whole (api.md §0).
//!
//! Parts come in any order. `image[]`, `image[2]` and a repeated `image` are all a list; `svg[model]` is an object.

use crate::{
    auth::Caller,
    body,
    fields::{Fields, FormFile},
    gateway::Gateway,
    problem::Problem,
    references::PICTURES,
};
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{HttpRequest, http::header, mime, web};
use atelier_actors::media_library::Upload;
use atelier_domain::{code::Code, reference::MAX_REFERENCES};
use futures_util::StreamExt;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::Instant;

/// How long a client may be silent in the middle of a form.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a form may take before it has brought anything, and how many bytes a second what it brings must be worth.
const SHORTEST: Duration = Duration::from_secs(60);
const SLOWEST: usize = 16 << 10;

/// How long any form may take: its first files must not become orphans while its last arrive.
const LONGEST: Duration = Duration::from_secs(45 * 60);

/// How long a refused form is read on.
const DRAINING: Duration = Duration::from_secs(30);

/// The most parts of one form.
const MOST_PARTS: usize = 200;

/// The most files of one form: the pictures, a mask, a markup, and one too many of each kind, so that the error can say so.
const MOST_FILES: usize = MAX_REFERENCES + 4;

/// The longest text of one part, in bytes: a prompt of the longest kind fits several times.
const TEXT: usize = 1 << 20;

/// A longer text in place of a picture, in bytes, is a data URI that goes to disk as a file does.
const PICTURE_TEXT: usize = 64 << 10;

/// All texts of one form, in bytes.
const TEXTS: usize = 4 << 20;

/// How deep brackets may nest.
const DEEPEST: usize = 4;

/// What is read of a refused form, so that the client gets to read the answer, in bytes.
const DRAINED: usize = 64 << 20;

/// Reads a body that may be a form or a JSON object.
pub async fn fields(
    request: &HttpRequest,
    payload: web::Payload,
    gateway: &Gateway,
    caller: &Caller,
) -> Result<Fields, Problem> {
    if is_form(request) {
        return form(request, payload, gateway, caller, &PICTURES).await;
    }
    body::json_object(payload, gateway.limits.json_body).await
}

/// Whether the body says that it is a form.
pub fn is_form(request: &HttpRequest) -> bool {
    let said = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    said.is_some_and(|said| said.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// Reads a form whose files may stand in these fields; files in others are ignored, as unknown fields are.
pub async fn form(
    request: &HttpRequest,
    payload: web::Payload,
    gateway: &Gateway,
    caller: &Caller,
    files: &[&str],
) -> Result<Fields, Problem> {
    let mut reading = Reading {
        parts: Multipart::new(request.headers(), payload),
        gateway,
        caller,
        wanted: files,
        left: gateway.limits.multipart_body,
        pace: Pace { began: Instant::now(), arrived: 0 },
        texts: TEXTS,
        map: Map::new(),
        files: Vec::new(),
        over: false,
    };
    match reading.all().await {
        Ok(()) => Ok(Fields::with_files(reading.map, reading.files)),
        Err(problem) => {
            // Whether it ends or not, the answer is the same.
            let _ = tokio::time::timeout(DRAINING, reading.drain()).await;
            Err(problem)
        }
    }
}

struct Reading<'a> {
    parts: Multipart,
    gateway: &'a Gateway,
    caller: &'a Caller,
    wanted: &'a [&'a str],
    /// Bytes that the whole form may still bring.
    left: usize,
    pace: Pace,
    /// Bytes that its texts may still bring.
    texts: usize,
    map: Map<String, Value>,
    files: Vec<FormFile>,
    /// The form has ended or broken off. It must not be asked for more: it would panic.
    over: bool,
}

impl Reading<'_> {
    async fn all(&mut self) -> Result<(), Problem> {
        for _ in 0..MOST_PARTS {
            let Some(part) = self.next().await? else { return Ok(()) };
            let name = part.name().unwrap_or_default().to_owned();
            let path = Path::of(&name)?;
            match (is_file(&part), self.wanted.contains(&path.base)) {
                (true, true) => self.file(part, path.base).await?,
                (true, false) => self.skip(part).await?,
                (false, picture) => {
                    if let Some(text) = self.text(part, path.base, picture).await? {
                        path.insert(&mut self.map, text)?;
                    }
                }
            }
        }
        Err(bad(format!("the form has more than {MOST_PARTS} parts")))
    }

    async fn next(&mut self) -> Result<Option<Field>, Problem> {
        let next = self.pace.in_time(self.parts.next()).await;
        self.over = !matches!(next, Ok(Some(Ok(_))));
        let next = next?;
        match next {
            None => Ok(None),
            Some(Ok(part)) => Ok(Some(part)),
            // A form that ends at once, as some SDKs send for an empty prompt.
            Some(Err(MultipartError::Incomplete)) if self.map.is_empty() && self.files.is_empty() => Ok(None),
            Some(Err(error)) => Err(bad(format!("the form cannot be read: {error}"))),
        }
    }

    async fn piece(&mut self, part: &mut Field) -> Result<Option<web::Bytes>, Problem> {
        let piece = self.pace.in_time(part.next()).await;
        self.over |= piece.is_err();
        let Some(piece) = piece? else { return Ok(None) };
        let piece = piece.map_err(|error| {
            self.over = true;
            bad(format!("the form cannot be read: {error}"))
        })?;
        self.pace.arrived += piece.len();
        self.left = self.left.checked_sub(piece.len()).ok_or_else(|| {
            let most = self.gateway.limits.multipart_body >> 20;
            Problem::new(Code::BodyTooLarge, format!("the form is longer than {most} MiB, the limit"))
        })?;
        Ok(Some(piece))
    }

    /// A text; none when it stands for a picture and has become a file.
    async fn text(&mut self, mut part: Field, base: &str, picture: bool) -> Result<Option<String>, Problem> {
        let mut text = Vec::new();
        while let Some(piece) = self.piece(&mut part).await? {
            if picture && text.len() + piece.len() > PICTURE_TEXT {
                let begun = [text.into(), piece];
                let upload = self.receive(part, base, begun).await?;
                self.files.push(FormFile { field: base.to_owned(), filename: None, upload, is_text: true });
                return Ok(None);
            }
            if text.len() + piece.len() > TEXT.min(self.texts) {
                let message = format!("{base} is longer than a text of a form may be");
                return Err(Problem::new(Code::BodyTooLarge, message).param(base));
            }
            text.extend_from_slice(&piece);
        }
        self.texts -= text.len();
        let text = String::from_utf8(text);
        text.map(Some).map_err(|_| Problem::field(base, format!("{base} is not valid UTF-8")))
    }

    async fn file(&mut self, part: Field, base: &str) -> Result<(), Problem> {
        let filename = part.content_disposition().and_then(|said| said.get_filename()).map(str::to_owned);
        let upload = self.receive(part, base, []).await?;
        // What a browser sends for a file that was not chosen.
        if upload.bytes == 0 && filename.as_ref().is_none_or(String::is_empty) {
            return Ok(());
        }
        self.files.push(FormFile { field: base.to_owned(), filename, upload, is_text: false });
        Ok(())
    }

    /// Takes a part in as a file, after what was read of it already.
    async fn receive(
        &mut self,
        mut part: Field,
        base: &str,
        begun: impl IntoIterator<Item = web::Bytes>,
    ) -> Result<Upload, Problem> {
        if self.files.len() == MOST_FILES {
            let message = format!("a request takes {MAX_REFERENCES} pictures at most");
            return Err(Problem::new(Code::TooManyReferences, message).param(base));
        }
        let about = |refused| Problem::from(refused).param(base);
        let mut receiving = self.gateway.library.receive(self.caller.0.id).await.map_err(about)?;
        for piece in begun {
            receiving.write(piece).await.map_err(about)?;
        }
        while let Some(piece) = self.piece(&mut part).await? {
            receiving.write(piece).await.map_err(about)?;
        }
        receiving.finish().await.map_err(about)
    }

    async fn skip(&mut self, mut part: Field) -> Result<(), Problem> {
        while self.piece(&mut part).await?.is_some() {}
        Ok(())
    }

    /// Reads on for a while after a refusal.
    async fn drain(&mut self) {
        let mut left = DRAINED;
        while !self.over {
            let Ok(Some(mut part)) = self.next().await else { return };
            while let Some(piece) = part.next().await {
                let Ok(piece) = piece else { return };
                let Some(rest) = left.checked_sub(piece.len()) else { return };
                left = rest;
            }
        }
    }
}

/// How fast a form arrives. One that drips would hold a place among those that arrive for as long as it likes.
struct Pace {
    began: Instant,
    /// Bytes so far.
    arrived: usize,
}

impl Pace {
    /// How long a form may take that has brought this many bytes.
    fn allowed(arrived: usize) -> Duration {
        (SHORTEST + Duration::from_secs((arrived / SLOWEST) as u64)).min(LONGEST)
    }

    async fn in_time<T>(&self, next: impl Future<Output = T>) -> Result<T, Problem> {
        let late = |_| Problem::new(Code::BodyTimeout, "the form stopped arriving, or is too slow");
        let end = (self.began + Self::allowed(self.arrived)).min(Instant::now() + PATIENCE);
        tokio::time::timeout_at(end, next).await.map_err(late)
    }
}

fn bad(message: impl Into<String>) -> Problem {
    Problem::new(Code::BadBody, message)
}

/// A part with a file name, or of a type that is not text; some clients say JSON of every text.
fn is_file(part: &Field) -> bool {
    let has_name = part.content_disposition().is_some_and(|said| said.get_filename().is_some());
    let is_text = |said: &mime::Mime| said.type_() == mime::TEXT || said.subtype() == mime::JSON;
    has_name || part.content_type().is_some_and(|said| !is_text(said))
}

/// The name of a part: `image[]`, `svg[reasoning][effort]`.
struct Path<'a> {
    base: &'a str,
    /// What stands in brackets; nothing or a number says that it is an item of a list.
    brackets: Vec<&'a str>,
}

impl<'a> Path<'a> {
    fn of(name: &'a str) -> Result<Self, Problem> {
        let unclear =
            || bad(format!("{:?} is not a name of a field", name.chars().take(80).collect::<String>()));
        let Some((base, rest)) = name.split_once('[') else {
            return Ok(Self { base: name, brackets: Vec::new() });
        };
        let rest = rest.strip_suffix(']').ok_or_else(unclear)?;
        let brackets: Vec<_> = rest.split("][").collect();
        if brackets.len() > DEEPEST || brackets.iter().any(|part| part.contains(['[', ']'])) {
            return Err(unclear());
        }
        Ok(Self { base, brackets })
    }

    fn insert(&self, map: &mut Map<String, Value>, text: String) -> Result<(), Problem> {
        let mut place = map.entry(self.base).or_insert(Value::Null);
        for bracket in &self.brackets {
            let clash = || bad(format!("{} is sent both as a value and as what is in it", self.base));
            place = if is_index(bracket) {
                if place.is_null() {
                    *place = Value::Array(Vec::new());
                }
                let items = place.as_array_mut().ok_or_else(clash)?;
                items.push(Value::Null);
                items.last_mut().ok_or_else(clash)?
            } else {
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                place.as_object_mut().ok_or_else(clash)?.entry(*bracket).or_insert(Value::Null)
            };
        }
        match place {
            Value::Null => *place = text.into(),
            Value::Array(items) => items.push(text.into()),
            // A name that stands twice is a list.
            other => *other = Value::Array(vec![other.take(), text.into()]),
        }
        Ok(())
    }
}

fn is_index(bracket: &str) -> bool {
    bracket.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn read(parts: &[(&str, &str)]) -> Result<Value, Problem> {
        let mut map = Map::new();
        for (name, text) in parts {
            Path::of(name)?.insert(&mut map, (*text).to_owned())?;
        }
        Ok(map.into())
    }

    #[test]
    fn every_way_in_which_clients_write_lists_and_objects_is_read() {
        for (parts, meant) in [
            (&[("prompt", "a")][..], json!({"prompt": "a"})),
            (&[("image", "a")], json!({"image": "a"})),
            (&[("image", "a"), ("image", "b"), ("image", "c")], json!({"image": ["a", "b", "c"]})),
            (&[("image[]", "a")], json!({"image": ["a"]})),
            (&[("image[0]", "a"), ("image[1]", "b")], json!({"image": ["a", "b"]})),
            (
                &[("svg[model]", "m"), ("svg[reasoning][effort]", "low")],
                json!({"svg": {"model": "m", "reasoning": {"effort": "low"}}}),
            ),
            (&[("images[][image_url]", "u")], json!({"images": [{"image_url": "u"}]})),
        ] {
            assert_eq!(read(parts).unwrap(), meant, "{parts:?}");
        }
    }

    #[test]
    fn a_form_that_drips_is_given_up_and_a_steady_one_is_not() {
        let gave_up = |seconds: u64, arrived: usize| {
            let began = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
            let pace = Pace { began, arrived };
            let piece = pace.in_time(std::future::pending::<()>());
            let waited = async { tokio::time::timeout(Duration::from_millis(1), piece).await };
            matches!(actix_web::rt::System::new().block_on(waited), Ok(Err(_)))
        };
        assert!(gave_up(61, 61) && gave_up(200, 1 << 20));
        assert!(!gave_up(100, 1 << 20) && !gave_up(0, 0));
        assert!(Pace::allowed(usize::MAX) == LONGEST);
    }

    #[test]
    fn names_that_contradict_each_other_are_an_error_and_not_a_guess() {
        for parts in [
            &[("a", "x"), ("a[b]", "y")][..],
            &[("a[", "x")],
            &[("a[b[c]]", "x")],
            &[("a[1][2][3][4][5]", "x")],
        ] {
            assert!(read(parts).is_err(), "{parts:?}");
        }
    }
}
