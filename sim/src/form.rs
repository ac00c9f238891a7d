//! Multipart forms as clients write them, with every liberty that clients take: part order, brackets, types, no length.

use crate::client::{Call, Client};
use awc::http::Method;

/// A form that is being filled in.
#[derive(Debug, Clone)]
pub struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Default for Form {
    fn default() -> Self {
        Self::with_boundary("----atelier7MA4YWxkTrZu0gW")
    }
}

impl Form {
    /// An empty form.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty form with this boundary.
    pub fn with_boundary(boundary: &str) -> Self {
        Self { boundary: boundary.to_owned(), body: Vec::new() }
    }

    /// The same with a text part.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), None, text.as_bytes())
    }

    /// The same with a file part, as openai-python names and types it.
    #[must_use]
    pub fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.named_file(name, "upload", "application/octet-stream", bytes)
    }

    /// The same with a file part of this name and type.
    #[must_use]
    pub fn named_file(self, name: &str, filename: &str, mime: &str, bytes: &[u8]) -> Self {
        self.part(&format!("name=\"{name}\"; filename=\"{filename}\""), Some(mime), bytes)
    }

    /// The same with a text part that says that it is JSON, as some Java clients send every text.
    #[must_use]
    pub fn json_text(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), Some("application/json; charset=UTF-8"), text.as_bytes())
    }

    fn part(mut self, disposition: &str, mime: Option<&str>, bytes: &[u8]) -> Self {
        let mime = mime.map(|mime| format!("Content-Type: {mime}\r\n")).unwrap_or_default();
        let head =
            format!("--{}\r\nContent-Disposition: form-data; {disposition}\r\n{mime}\r\n", self.boundary);
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
        self
    }

    /// The content type and the body.
    pub fn finish(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body)
    }
}

impl Client {
    /// A POST of this form.
    pub fn post_form(&self, path: &str, form: Form) -> Call {
        let (mime, body) = form.finish();
        self.call(Method::POST, path).header("content-type", &mime).body(body)
    }
}
