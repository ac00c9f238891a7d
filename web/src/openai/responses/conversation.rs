//! The input of a response: what is asked for, and which pictures it speaks of. Pure.

use crate::{
    problem::Problem,
    references::{Source, source},
};
use atelier_domain::{code::Code, ids::ResponseId};
use serde_json::Value;

/// What the input amounts to.
#[derive(Default)]
pub struct Conversation {
    /// The words of the last thing that the user said.
    pub prompt: String,
    /// The pictures that came with it.
    pub pictures: Vec<Source>,
    /// Pictures that came with what the user said before.
    pub earlier: Vec<Source>,
    /// The last image that the conversation made.
    pub made: Option<Made>,
}

/// An image that the conversation made before.
pub enum Made {
    /// By the response of this id; the client may have kept it, too.
    By(ResponseId, Option<Source>),
    /// As the client kept it.
    Kept(Source),
}

fn wrong(message: impl Into<String>) -> Problem {
    Problem::field("input", message)
}

/// Reads `input`: a text, or items.
pub fn read(input: Option<&Value>) -> Result<Conversation, Problem> {
    let mut conversation = Conversation::default();
    match input {
        Some(Value::String(text)) => conversation.prompt.clone_from(text),
        Some(Value::Array(items)) => {
            for item in items {
                conversation.add(item)?;
            }
        }
        None => {}
        Some(_) => return Err(wrong("input must be a string or a list of items")),
    }
    if conversation.prompt.trim().is_empty() {
        let message = "input has no text of the user: say what to draw";
        return Err(Problem::new(Code::MissingPrompt, message).param("input"));
    }
    Ok(conversation)
}

impl Conversation {
    fn add(&mut self, item: &Value) -> Result<(), Problem> {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("message");
        match (kind, item.get("role").and_then(Value::as_str)) {
            ("message", Some("user")) => self.said(item.get("content").unwrap_or(&Value::Null)),
            ("image_generation_call" | "item_reference", _) => self.called(item),
            // What others said, and what other tools did, is not asked for again.
            _ => Ok(()),
        }
    }

    fn said(&mut self, content: &Value) -> Result<(), Problem> {
        self.earlier.append(&mut self.pictures);
        let mut texts = Vec::new();
        match content {
            Value::String(text) => texts.push(text.as_str()),
            Value::Array(parts) => {
                for part in parts {
                    match part.get("type").and_then(Value::as_str) {
                        Some("input_text" | "text") => {
                            texts.extend(part.get("text").and_then(Value::as_str));
                        }
                        Some("input_image" | "image_url") => self.pictures.extend(picture(part)?),
                        _ => {}
                    }
                }
            }
            Value::Null => {}
            _ => return Err(wrong("the content of a message must be a string or a list of parts")),
        }
        let text = texts.join("\n");
        if !text.trim().is_empty() {
            self.prompt = text;
        }
        Ok(())
    }

    /// Clients send the result back, or leave it out. What they send counts where the id leads nowhere: it was not stored, or
    /// somebody else made it.
    fn called(&mut self, item: &Value) -> Result<(), Problem> {
        let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let kept = item.get("result").map(source).transpose().map_err(wrong)?.flatten();
        let Some(hex) = id.strip_prefix("ig_") else {
            self.made = kept.map(Made::Kept).or(self.made.take());
            return Ok(());
        };
        self.made = match (format!("{}_{hex}", ResponseId::PREFIX).parse(), kept) {
            (Ok(id), kept) => Some(Made::By(id, kept)),
            (Err(_), Some(kept)) => Some(Made::Kept(kept)),
            (Err(_), None) => {
                let shown: String = id.chars().take(60).collect();
                let message = format!("{shown:?} is not the id of an image_generation_call of this gateway");
                return Err(wrong(message));
            }
        };
        Ok(())
    }
}

fn picture(part: &Value) -> Result<Option<Source>, Problem> {
    let named =
        ["file_id", "image_url"].iter().any(|key| part.get(*key).is_some_and(|value| !value.is_null()));
    if !named {
        return Err(wrong("an input_image has an image_url or a file_id"));
    }
    source(part).map_err(|why| wrong(format!("input_image: {why}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_words_of_the_user_are_the_prompt_and_their_pictures_come_along() {
        let input = json!([
            {"role": "developer", "content": "be kind"},
            {"role": "user", "content": [{"type": "input_text", "text": "a cat"}, {"type": "input_image", "image_url": "https://a/1.png"}]},
            {"type": "image_generation_call", "id": "ig_0199abcd000070008000000000000001", "status": "completed", "result": "aGk="},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "here"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "with"}, {"type": "input_text", "text": "a hat"}]},
        ]);
        let read = read(Some(&input)).unwrap();
        assert_eq!((read.prompt.as_str(), read.pictures.len(), read.earlier.len()), ("with\na hat", 0, 1));
        assert!(matches!(read.made, Some(Made::By(_, Some(_)))));
    }

    #[test]
    fn a_picture_that_the_client_kept_itself_is_one_too() {
        let call = json!([{"type": "image_generation_call", "result": "aGk="}, {"role": "user", "content": "again"}]);
        assert!(matches!(read(Some(&call)).unwrap().made, Some(Made::Kept(_))));
        let elsewhere = json!([{"type": "image_generation_call", "id": "ig_68ab", "result": "aGk="}, {"role": "user", "content": "again"}]);
        assert!(matches!(read(Some(&elsewhere)).unwrap().made, Some(Made::Kept(_))));
    }

    #[test]
    fn an_input_that_asks_for_nothing_is_told_so() {
        let code = |input: Value| read(Some(&input)).err().map(|problem| problem.word().into_owned());
        assert_eq!(code(json!(" ")).unwrap(), "missing_prompt");
        assert_eq!(code(json!([])).unwrap(), "missing_prompt");
        assert_eq!(code(json!([{"role": "assistant", "content": "a cat"}])).unwrap(), "missing_prompt");
        assert_eq!(code(json!(5)).unwrap(), "bad_input");
        assert_eq!(
            code(json!([{"role": "user", "content": [{"type": "input_image"}]}])).unwrap(),
            "bad_input"
        );
        assert_eq!(code(json!([{"type": "image_generation_call", "id": "ig_1"}])).unwrap(), "bad_input");
    }
}
