//! What stands in the fields, in every way in which clients write it.

use crate::{
    fields::{Fields, FormFile},
    problem::Problem,
};
use atelier_domain::{
    code::Code,
    ids::{FileId, MediaId},
    image::{InputFidelity, ReferenceUsage},
};
use serde_json::Value;

/// Fields of a form in which a file is a picture.
pub const PICTURES: [&str; 8] =
    ["image", "images", "references", "reference", "input_image", "image_url", "mask", "markup"];

/// Fields under which clients send reference images.
const REFERENCES: [&str; 6] = ["image", "images", "references", "reference", "input_image", "image_url"];

/// One picture as it was sent.
pub enum Source {
    /// A file of the form.
    File(Box<FormFile>),
    /// An address, a data URI, or bare base64.
    Text(String),
    /// A file that was uploaded before.
    Kept(FileId),
    /// What an earlier job made.
    Made(MediaId),
}

/// Everything that a request says about pictures.
#[derive(Default)]
pub struct Given {
    /// The reference images with the field that each stood in, in their order.
    pub images: Vec<(String, Source)>,
    /// The mask.
    pub mask: Option<Source>,
    /// The markup.
    pub markup: Option<Source>,
    /// What the result takes over.
    pub usage: Option<ReferenceUsage>,
    /// How closely.
    pub fidelity: Option<InputFidelity>,
}

impl Given {
    /// Takes the pictures out of the fields. Wrong ones are remembered there.
    pub fn take(fields: &mut Fields) -> Self {
        let mut given = Self {
            usage: fields.word("reference_usage", ReferenceUsage::parse, ReferenceUsage::WORDS),
            fidelity: fields.word("input_fidelity", InputFidelity::parse, InputFidelity::WORDS),
            ..Self::default()
        };
        for name in REFERENCES {
            given.images.extend(all(fields, name).into_iter().map(|source| (name.to_owned(), source)));
        }
        given.mask = one(fields, "mask");
        given.markup = one(fields, "markup");
        given
    }

    /// Whether there is no picture at all.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.mask.is_none() && self.markup.is_none()
    }

    /// What can be said against them before any is looked at.
    pub fn check(&self, most: usize) -> Result<(), Problem> {
        if self.mask.is_some() && self.markup.is_some() {
            let message = "mask and markup exclude each other: send one of them";
            return Err(Problem::new(Code::MarkupWithMask, message).param("markup"));
        }
        if self.images.len() > most {
            let message = format!("{} pictures were sent, and {most} are the most", self.images.len());
            return Err(Problem::new(Code::TooManyReferences, message).param("image"));
        }
        if self.images.is_empty() && !self.is_empty() {
            let message = "a mask or markup needs the picture that it belongs to: send image";
            return Err(Problem::new(Code::MissingImage, message).param("image"));
        }
        Ok(())
    }
}

fn one(fields: &mut Fields, name: &str) -> Option<Source> {
    let mut sources = all(fields, name);
    if sources.len() > 1 {
        fields.wrong(name, format!("{name} must be one picture, not {}", sources.len()));
    }
    (!sources.is_empty()).then(|| sources.swap_remove(0))
}

fn all(fields: &mut Fields, name: &str) -> Vec<Source> {
    let files = fields.take_files(name).into_iter().map(|file| Source::File(Box::new(file)));
    let mut sources: Vec<_> = files.collect();
    let items = match fields.take(name) {
        None => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
    };
    for item in items {
        match source(&item) {
            Ok(source) => sources.extend(source),
            Err(why) => fields.wrong(name, format!("{name}: {why}")),
        }
    }
    sources
}

const SHAPES: &str =
    "a picture is an http(s) URL, a data URI, base64, {\"image_url\": …}, {\"url\": …} or {\"file_id\": …}";

/// What one value says; none when it says nothing.
pub fn source(item: &Value) -> Result<Option<Source>, String> {
    let text = |text: &str| match text.trim() {
        "" => Ok(None),
        id if id.starts_with("file-") && id.len() < 64 => kept(id).map(Some),
        text => Ok(Some(Source::Text(text.to_owned()))),
    };
    match item {
        Value::String(value) => text(value),
        Value::Object(object) => {
            if let Some(id) = object.get("file_id").and_then(Value::as_str) {
                return kept(id).map(Some);
            }
            let named = ["image_url", "url"].iter().find_map(|key| object.get(*key));
            match named {
                Some(Value::String(value)) => text(value),
                Some(Value::Object(inner)) => match inner.get("url").and_then(Value::as_str) {
                    Some(value) => text(value),
                    None => Err(SHAPES.to_owned()),
                },
                _ => Err(SHAPES.to_owned()),
            }
        }
        Value::Null => Ok(None),
        _ => Err(SHAPES.to_owned()),
    }
}

fn kept(id: &str) -> Result<Source, String> {
    let shown: String = id.chars().take(60).collect();
    id.parse().map(Source::Kept).map_err(|_| format!("{shown:?} is not the id of a file"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn given(body: Value) -> (Given, Fields) {
        let Value::Object(map) = body else { unreachable!("tests pass objects") };
        let mut fields = Fields::new(map);
        (Given::take(&mut fields), fields)
    }

    fn texts(given: &Given) -> Vec<&str> {
        let mut texts = Vec::new();
        for (_, source) in &given.images {
            if let Source::Text(text) = source {
                texts.push(text.as_str());
            }
        }
        texts
    }

    #[test]
    fn every_way_of_writing_pictures_in_json_is_understood() {
        for body in [
            json!({"image": "u"}),
            json!({"image": ["u"]}),
            json!({"image": {"url": "u"}}),
            json!({"images": [{"image_url": "u"}]}),
            json!({"images": [{"image_url": {"url": "u"}}]}),
            json!({"references": ["u", null, " "]}),
            json!({"input_image": " u "}),
            json!({"image_url": "u"}),
        ] {
            let (given, mut fields) = given(body.clone());
            assert_eq!(texts(&given), ["u"], "{body}");
            fields.check().unwrap();
        }
        let id = "file-0199abcd000070008000000000000001";
        let (both, _) = given(json!({"images": [{"file_id": id}, {"image_url": "u"}], "mask": id}));
        assert!(matches!(both.images[0].1, Source::Kept(_)) && matches!(both.mask, Some(Source::Kept(_))));
    }

    #[test]
    fn what_is_no_picture_is_told_with_what_one_is() {
        for body in
            [json!({"image": 5}), json!({"image": [{"src": "u"}]}), json!({"image": {"file_id": "x"}})]
        {
            assert_eq!(given(body).1.check().unwrap_err().word(), "bad_image");
        }
        assert_eq!(given(json!({"mask": ["a", "b"]})).1.check().unwrap_err().word(), "bad_mask");
    }

    #[test]
    fn pictures_that_exclude_each_other_are_refused() {
        let code = |body| given(body).0.check(16).err().map(|problem| problem.word().into_owned());
        assert_eq!(code(json!({"image": "u", "mask": "m", "markup": "n"})).unwrap(), "markup_with_mask");
        assert_eq!(code(json!({"mask": "m"})).unwrap(), "missing_image");
        assert_eq!(code(json!({"image": vec!["u"; 17]})).unwrap(), "too_many_references");
        assert_eq!(code(json!({"image": vec!["u"; 16]})), None);
    }
}
