//! The fields of a body, JSON or form: read one by one, with every wrong one remembered so that all are told at once.
//! `null` equals absent, unknown fields are ignored, and numbers and flags may be written as strings, since forms know no other.

use crate::problem::{FieldProblem, Problem};
use atelier_actors::media_library::Upload;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write, ops::RangeInclusive};

/// A file of a form.
pub struct FormFile {
    /// The field, without brackets.
    pub field: String,
    /// The name that the client gave it, if it did.
    pub filename: Option<String>,
    /// The file.
    pub upload: Upload,
    /// It was sent as a text, and is a file for its length only.
    pub is_text: bool,
}

/// The fields of one body.
pub struct Fields {
    map: Map<String, Value>,
    files: Vec<FormFile>,
    problems: Vec<FieldProblem>,
}

impl Fields {
    /// The fields of a JSON object.
    pub fn new(mut map: Map<String, Value>) -> Self {
        map.retain(|_, value| !value.is_null());
        Self { map, files: Vec::new(), problems: Vec::new() }
    }

    /// The fields and files of a form.
    pub fn with_files(map: Map<String, Value>, files: Vec<FormFile>) -> Self {
        Self { files, ..Self::new(map) }
    }

    /// Whether a file stands in this field.
    pub fn has_file(&self, field: &str) -> bool {
        self.files.iter().any(|file| file.field == field)
    }

    /// Takes the files of this field out, in their order.
    pub fn take_files(&mut self, field: &str) -> Vec<FormFile> {
        let is_named = |file: &mut FormFile| file.field == field;
        self.files.extract_if(.., is_named).collect()
    }

    /// Takes a field out as it came.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.remove(name)
    }

    /// The fields as they came.
    pub fn into_map(self) -> Map<String, Value> {
        self.map
    }

    /// SHA-256 of these fields, files and `endpoint`, in hex: the same for the same request however its keys are ordered.
    pub fn hash(&self, endpoint: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(endpoint.as_bytes());
        digest_object(&mut hasher, &self.map);
        for file in &self.files {
            digest(&mut hasher, &Value::from(file.field.as_str()));
            digest(&mut hasher, &Value::from(file.upload.digest.as_str()));
        }
        hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Whether the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// The field as it came.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// Remembers that a field is wrong.
    pub fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(FieldProblem { name: name.to_owned(), message: message.into() });
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.map.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => {
                let message = format!("{name} must be a string, not {}", kind(other));
                self.wrong(name, message);
                None
            }
        }
    }

    /// A text that says something: blank equals absent.
    pub fn filled(&mut self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.map.get(name)?;
        let number = match value {
            Value::Number(n) => n
                .as_i64()
                .or_else(|| n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64)),
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if let Some(number) = number.filter(|n| range.contains(n)) {
            return Some(number);
        }
        let (least, most) = range.into_inner();
        let bounds = if (least, most) == (i64::MIN, i64::MAX) {
            " of 64 bits".to_owned()
        } else {
            format!(" from {least} to {most}")
        };
        let message = format!("{name} must be a whole number{bounds}, not {}", shown(value));
        self.wrong(name, message);
        None
    }

    /// A flag.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.map.get(name)?;
        let flag = match value {
            Value::Bool(flag) => Some(*flag),
            // Python writes flags with a capital.
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" | "" => Some(false),
                _ => None,
            },
            Value::Number(n) => n.as_i64().and_then(|n| match n {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            }),
            _ => None,
        };
        if flag.is_none() {
            let message = format!("{name} must be true or false, not {}", shown(value));
            self.wrong(name, message);
        }
        flag
    }

    /// One of some words.
    pub fn word<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, words: &[&str]) -> Option<T> {
        let text = self.filled(name)?;
        let value = parse(text.trim());
        if value.is_none() {
            self.wrong(
                name,
                format!("{name} must be one of {}, not {}", words.join(", "), shown(&Value::String(text))),
            );
        }
        value
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let texts = match self.map.get(name)? {
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
            }
            Value::String(text) => Some(vec![text.clone()]),
            _ => None,
        };
        if texts.is_none() {
            self.wrong(name, format!("{name} must be a list of strings"));
        }
        texts
    }

    /// The error that lists every wrong field so far, if there is one.
    pub fn check(&mut self) -> Result<(), Problem> {
        let problems = std::mem::take(&mut self.problems);
        if problems.is_empty() { Ok(()) } else { Err(Problem::fields(problems)) }
    }
}

/// A value as an error message shows it: short, whatever came.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 {
        text
    } else {
        format!("{}…", text.chars().take(40).collect::<String>())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Feeds a value to the hash in one order of keys, with lengths so that no two values run together.
fn digest(hasher: &mut Sha256, value: &Value) {
    let mut part = |tag: u8, bytes: &[u8]| {
        hasher.update([tag]);
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    match value {
        Value::Null => part(0, b""),
        Value::Bool(flag) => part(1, &[u8::from(*flag)]),
        Value::Number(number) => part(2, number.to_string().as_bytes()),
        Value::String(text) => part(3, text.as_bytes()),
        Value::Array(items) => {
            part(4, &(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| digest(hasher, item));
        }
        Value::Object(map) => digest_object(hasher, map),
    }
}

fn digest_object(hasher: &mut Sha256, map: &Map<String, Value>) {
    hasher.update([5]);
    hasher.update((map.len() as u64).to_be_bytes());
    for (name, item) in map.iter().collect::<BTreeMap<_, _>>() {
        hasher.update((name.len() as u64).to_be_bytes());
        hasher.update(name.as_bytes());
        digest(hasher, item);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        let Value::Object(map) = value else { unreachable!("tests pass objects") };
        Fields::new(map)
    }

    #[test]
    fn forms_and_json_say_the_same() {
        let mut json = fields(json!({"n": 2, "stream": true, "seed": 3.0, "user": null}));
        let mut form = fields(json!({"n": "2", "stream": "true", "seed": "3"}));
        for body in [&mut json, &mut form] {
            assert_eq!(body.integer("n", 1..=10), Some(2));
            assert_eq!(body.flag("stream"), Some(true));
            assert_eq!(body.integer("seed", i64::MIN..=i64::MAX), Some(3));
            assert_eq!(body.text("user"), None);
        }
        json.check().unwrap();
        assert_eq!(fields(json!({"stream": "True"})).flag("stream"), Some(true));
    }

    #[test]
    fn every_wrong_field_is_told_at_once_and_never_echoed_at_length() {
        let mut body =
            fields(json!({"n": 11, "stream": "maybe", "prompt": 5, "quality": "x".repeat(10_000)}));
        body.integer("n", 1..=10);
        body.flag("stream");
        body.text("prompt");
        body.word("quality", |_| None::<()>, &["low", "high"]);
        let problem = body.check().unwrap_err();
        assert_eq!(problem.word(), "bad_n");
        let body = problem.body();
        assert_eq!(body["error"]["fields"].as_array().unwrap().len(), 4);
        assert!(body.to_string().len() < 1500, "{body}");
    }

    #[test]
    fn the_hash_ignores_order_and_nulls_and_nothing_else() {
        let hash = |value| fields(value).hash("/v1/images/generations");
        let one = hash(json!({"prompt": "a", "svg": {"x": 1, "y": [1, 2]}}));
        assert_eq!(one, hash(json!({"svg": {"y": [1, 2], "x": 1}, "prompt": "a", "n": null})));
        for other in [
            json!({"prompt": "b"}),
            json!({"prompt": "a", "svg": {"x": 1, "y": [2, 1]}}),
            json!({"prompt": "a", "svg": {"x": "1", "y": [1, 2]}}),
        ] {
            assert_ne!(one, hash(other));
        }
        assert_ne!(
            one,
            fields(json!({"prompt": "a", "svg": {"x": 1, "y": [1, 2]}})).hash("/v1/images/edits")
        );
    }
}
