//! What a client asks, read the same from JSON and from a multipart form.

use super::book::{LONGEST, Seen, clipped, last4};
use actix_http::{Request, error::PayloadError, header::HeaderMap};
use actix_multipart::Multipart;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use url::form_urlencoded;

/// The largest body that is read, in bytes: sixteen pictures of 50 MB would not be a test any more.
const LARGEST: usize = 256 << 20;

/// Headers whose values are credentials.
const SECRET_HEADERS: &[&str] = &["authorization", "api-key", "proxy-authorization", "cookie"];

/// Fields whose values are.
const SECRET_FIELDS: &[&str] = &["refresh_token", "client_secret", "access_token"];

/// A request without its body.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
}

impl Head {
    /// Of a request.
    pub fn of(request: &Request) -> Self {
        Self {
            method: request.method().as_str().to_owned(),
            path: request.path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.head().headers().clone(),
        }
    }

    /// A readable header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the query.
    pub fn param(&self, name: &str) -> Option<String> {
        let pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The key of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, key) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    }

    /// Every credential in it, in whatever header.
    pub fn keys(&self) -> Vec<&str> {
        let schemed = ["authorization", "proxy-authorization"].into_iter().filter_map(|name| {
            let value = self.header(name)?;
            Some(value.split_once(' ').map_or(value, |(_, key)| key.trim()))
        });
        schemed.chain(self.header("api-key")).chain(self.cookies().map(|(_, value)| value)).collect()
    }

    fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let cookies = self.header("cookie").unwrap_or_default().split(';');
        cookies.filter_map(|cookie| cookie.trim().split_once('='))
    }

    /// A cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The parts of its path.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// What the book keeps of it.
    pub fn seen(&self, account: Option<&str>, asked: &Asked) -> Seen {
        let shown = self.headers.iter().map(|(name, value)| {
            let text = value.to_str().unwrap_or("(not text)");
            let secret = SECRET_HEADERS.contains(&name.as_str());
            (name.as_str().to_owned(), if secret { format!("…{}", last4(text)) } else { clipped(text) })
        });
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        Seen {
            account: account.map(str::to_owned),
            method: self.method.clone(),
            target: format!("{}{query}", self.path),
            headers: shown.collect(),
            fields: asked.shown(),
        }
    }
}

/// How the body was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Written {
    /// There is none, or it is something else.
    #[default]
    Not,
    /// As JSON.
    Json,
    /// As a multipart form.
    Form,
}

/// A file of a form.
#[derive(Debug, Clone)]
pub struct File {
    /// The part's name.
    pub name: String,
    /// What it is said to be.
    pub mime: String,
    /// What it is.
    pub bytes: Bytes,
}

/// A request's fields.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// How they came.
    pub written: Written,
    /// Everything but files. Fields of a form are strings.
    pub fields: Map<String, Value>,
    /// Files of a form.
    pub files: Vec<File>,
    /// Whether the body claims to be JSON or a form and is not.
    pub broken: bool,
}

impl Asked {
    /// Reads a request's body. None when the client went away or sent too much.
    pub async fn read(request: &mut Request) -> Option<Self> {
        let headers = request.head().headers().clone();
        let mut payload = request.take_payload();
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.ok().filter(|chunk| body.len() + chunk.len() <= LARGEST)?;
            body.extend_from_slice(&chunk);
        }
        Some(Self::parse(&headers, body.freeze()).await)
    }

    async fn parse(headers: &HeaderMap, body: Bytes) -> Self {
        let mime = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if mime.starts_with("multipart/form-data") {
            return Self::form(headers, body).await.unwrap_or_else(Self::unreadable);
        }
        if body.is_empty() {
            return Self::default();
        }
        if mime.starts_with("application/x-www-form-urlencoded") {
            let pairs = form_urlencoded::parse(&body).into_owned();
            let fields = pairs.map(|(name, value)| (name, Value::String(value))).collect();
            return Self { written: Written::Form, fields, ..Self::default() };
        }
        if mime.starts_with("image/") {
            let file = File { name: "body".to_owned(), mime: mime.to_owned(), bytes: body };
            return Self { files: vec![file], ..Self::default() };
        }
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Self { written: Written::Json, fields, ..Self::default() },
            _ => Self::unreadable(),
        }
    }

    fn unreadable() -> Self {
        Self { broken: true, ..Self::default() }
    }

    async fn form(headers: &HeaderMap, body: Bytes) -> Option<Self> {
        let mut asked = Self { written: Written::Form, ..Self::default() };
        let mut parts = Multipart::new(headers, stream::once(async { Ok::<_, PayloadError>(body) }));
        while let Some(part) = parts.try_next().await.ok()? {
            let name = part.name().unwrap_or_default().to_owned();
            let mime = part.content_type().map(ToString::to_string);
            let is_file = part.content_disposition().is_some_and(|it| it.get_filename().is_some());
            let gather = |mut bytes: BytesMut, chunk: Bytes| async move {
                bytes.extend_from_slice(&chunk);
                Ok(bytes)
            };
            let bytes = part.try_fold(BytesMut::new(), gather).await.ok()?.freeze();
            if is_file {
                asked.files.push(File { name, mime: mime.unwrap_or_default(), bytes });
            } else {
                asked.fields.insert(name, Value::String(String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        Some(asked)
    }

    /// A field that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str()
    }

    /// A field that is a whole number, also when it is written as a text.
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.fields.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// Whether a field is set.
    pub fn flag(&self, name: &str) -> bool {
        match self.fields.get(name) {
            Some(Value::Bool(set)) => *set,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// Files of this name, with brackets or without.
    pub fn files(&self, name: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| {
            file.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        })
    }

    fn shown(&self) -> BTreeMap<String, Value> {
        let fields = self.fields.iter().map(|(name, value)| {
            let secret = value.as_str().filter(|_| SECRET_FIELDS.contains(&name.as_str()));
            (clipped(name), secret.map_or_else(|| short(value), |value| format!("…{}", last4(value)).into()))
        });
        let files = self.files.iter().map(|file| {
            let text = format!("{} of {} bytes", file.mime, file.bytes.len());
            (clipped(&file.name), Value::String(text))
        });
        fields.chain(files).take(64).collect()
    }
}

/// A value, or of a long one its beginning.
fn short(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(clipped(text)),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.len() > LONGEST { Value::String(clipped(&text)) } else { value.clone() }
        }
        other => other.clone(),
    }
}
