//! What a chat says: the last words of the user, and the pictures and videos that came with them. Pure.

use crate::{
    problem::Problem,
    references::{Source, source},
};
use serde_json::{Map, Value};

/// The last message of the user.
#[derive(Default)]
pub struct Said {
    /// Its words.
    pub text: String,
    /// Its pictures.
    pub pictures: Vec<Source>,
    /// Its videos, as a field of their own would have them.
    pub videos: Vec<Value>,
}

fn wrong(message: impl Into<String>) -> Problem {
    Problem::field("messages", message)
}

/// Reads `messages`.
pub fn read(messages: Option<&Value>) -> Result<Said, Problem> {
    let Some(Value::Array(messages)) = messages else {
        return Err(wrong("messages must be a list of messages"));
    };
    // Whoever says nothing of roles is a user.
    let is_user = |message: &&Value| message.get("role").is_none_or(|role| role == "user");
    let Some(message) = messages.iter().rfind(is_user) else {
        return Err(wrong("messages must have one whose role is user: it says what to make"));
    };
    let mut said = Said::default();
    match message.get("content") {
        Some(Value::String(text)) => said.text.clone_from(text),
        Some(Value::Array(parts)) => {
            let mut texts = Vec::new();
            for part in parts {
                match part {
                    Value::String(text) => texts.push(text.as_str()),
                    Value::Object(part) => texts.extend(said.take(part)?),
                    _ => return Err(wrong("a part of a message must be a string or an object")),
                }
            }
            said.text = texts.join("\n");
        }
        None | Some(Value::Null) => {}
        Some(_) => return Err(wrong("the content of a message must be a string or a list of parts")),
    }
    Ok(said)
}

impl Said {
    /// Takes a part in; its words, if it is some.
    fn take<'a>(&mut self, part: &'a Map<String, Value>) -> Result<Option<&'a str>, Problem> {
        let kind = part.get("type").and_then(Value::as_str);
        match kind {
            Some("text" | "input_text") => match part.get("text") {
                Some(Value::String(text)) => return Ok(Some(text)),
                _ => return Err(wrong("a part of type text has a text")),
            },
            Some("image_url" | "input_image") => {
                self.pictures.extend(named(part, &["image_url", "file_id"])?)
            }
            Some("file") => self.pictures.extend(named(part, &["file"])?),
            Some("video_url" | "input_video") => self.videos.push(video(part)?),
            _ => {
                let shown: String = kind.unwrap_or("none").chars().take(40).collect();
                let message =
                    format!("a part of type {shown} is not understood: send text, image_url or video_url");
                return Err(wrong(message));
            }
        }
        Ok(None)
    }
}

/// What a part says of a video: an address or a data URI, in an object or by itself.
fn video(part: &Map<String, Value>) -> Result<Value, Problem> {
    let said = part.get("video_url").map(|said| said.get("url").unwrap_or(said));
    match said {
        Some(Value::String(url)) if !url.trim().is_empty() => Ok(url.as_str().into()),
        _ => Err(wrong("a part of type video_url has a video_url")),
    }
}

/// The file that a part names under one of these: an address, a data URI, `{"url": …}` or `{"file_id": …}`.
fn named(part: &Map<String, Value>, names: &[&str]) -> Result<Option<Source>, Problem> {
    let found = names.iter().find_map(|name| Some((*name, part.get(*name)?)));
    let source = match found {
        Some(("file_id", id)) => source(&serde_json::json!({ "file_id": id })),
        Some((_, value)) => source(value),
        None => Ok(None),
    };
    match source {
        Ok(Some(source)) => Ok(Some(source)),
        Ok(None) => Err(wrong(format!("a part of a picture has an {}", names[0]))),
        Err(why) => Err(wrong(format!("messages: {why}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn texts(sources: &[Source]) -> Vec<&str> {
        let mut texts = Vec::new();
        for source in sources {
            if let Source::Text(text) = source {
                texts.push(text.as_str());
            }
        }
        texts
    }

    #[test]
    fn the_last_words_of_the_user_count_however_they_are_written() {
        for content in [
            json!("a cat"),
            json!(["a cat"]),
            json!([{"type": "text", "text": "a cat"}]),
            json!([{"type": "input_text", "text": "a cat"}]),
        ] {
            let messages = json!([
                {"role": "system", "content": "be kind"},
                {"role": "user", "content": "a dog"},
                {"role": "assistant", "content": "![image](http://a/1.png)"},
                {"role": "user", "content": content},
                {"role": "assistant", "content": null},
            ]);
            assert_eq!(read(Some(&messages)).unwrap().text, "a cat");
        }
        let bare = json!([{"content": "a cat"}]);
        assert_eq!(read(Some(&bare)).unwrap().text, "a cat");
        let two = json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]);
        assert_eq!(read(Some(&two)).unwrap().text, "a\nb");
    }

    #[test]
    fn pictures_and_videos_come_in_every_shape_that_clients_send() {
        let content = json!([
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,xxx"}},
            {"type": "image_url", "image_url": "http://a/1.png"},
            {"type": "input_image", "image_url": "http://a/2.png"},
            {"type": "file", "file": {"file_id": "file-0199abcd000070008000000000000001"}},
            {"type": "input_image", "file_id": "file-0199abcd000070008000000000000001"},
            {"type": "video_url", "video_url": {"url": "http://a/1.mp4"}},
            {"type": "video_url", "video_url": "data:video/mp4;base64,xxx"},
        ]);
        let said = read(Some(&json!([{"role": "user", "content": content}]))).unwrap();
        assert_eq!(texts(&said.pictures), ["data:image/png;base64,xxx", "http://a/1.png", "http://a/2.png"]);
        assert_eq!(
            (said.pictures.len(), said.videos),
            (5, vec![json!("http://a/1.mp4"), json!("data:video/mp4;base64,xxx")])
        );
        assert_eq!(said.text, "");
    }

    #[test]
    fn what_cannot_be_read_is_told_and_not_left_out() {
        for messages in [
            json!(null),
            json!("a cat"),
            json!([]),
            json!([{"role": "assistant", "content": "a cat"}]),
            json!([{"role": "user", "content": 5}]),
            json!([{"role": "user", "content": [5]}]),
            json!([{"role": "user", "content": [{"type": "text"}]}]),
            json!([{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]),
            json!([{"role": "user", "content": [{"type": "image_url"}]}]),
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"src": "x"}}]}]),
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": " "}]}]),
            json!([{"role": "user", "content": [{"type": "video_url", "video_url": {"src": "x"}}]}]),
        ] {
            let problem = read(Some(&messages)).err().unwrap();
            assert_eq!(problem.word(), "bad_messages", "{messages}");
        }
    }
}
