//! An HTTP client that keeps what a test wants to see: status, headers and body of every answer, and, when a server dies in
//! the middle of one, whether its headers had come.

use awc::{
    Connector,
    http::{Method, header::HeaderMap},
};
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// How long a server may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest answer that is read, in bytes.
const LONGEST: usize = 512 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing came back: the request may have arrived all the same.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// The headers came and the body broke off. A chunked body cut short by the server's end looks whole: awc does not tell.
    #[error("the answer {status} broke off: {cause}")]
    BrokenOff {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Box<HeaderMap>,
        /// What the transport said.
        cause: String,
    },
}

/// A client of one server with one key or session. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: awc::Client,
    origin: String,
    token: Option<String>,
}

impl Client {
    /// A client of the server at `origin`, such as `http://127.0.0.1:8000`, without a key.
    pub fn new(origin: &str) -> Self {
        let connector = Connector::new().limit(0).timeout(Duration::from_secs(10));
        let http = awc::Client::builder().connector(connector).timeout(PATIENCE).disable_redirects();
        Self { http: http.finish(), origin: origin.to_owned(), token: None }
    }

    /// The same with `Authorization: Bearer` and this key or session.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Where the server is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A call to `path`, or to a whole URL.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.origin) };
        let call = Call { client: self.clone(), method, url, headers: Vec::new(), body: Vec::new() };
        match &self.token {
            Some(token) => call.header("authorization", &format!("Bearer {token}")),
            None => call,
        }
    }

    /// A GET.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST of this JSON.
    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }
}

/// A request that is not sent yet.
#[must_use]
pub struct Call {
    client: Client,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    /// The same with one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with this body as it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with this JSON as its body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sends it and waits for the headers.
    ///
    /// # Errors
    /// [`CallError::Unanswered`].
    pub async fn begin(self) -> Result<Reply, CallError> {
        let mut request = self.client.http.request(self.method, &self.url);
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        let sent = request.send_body(self.body).await;
        let response = sent.map_err(|error| CallError::Unanswered(error.to_string()))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let chunks = response.map(|chunk| match chunk {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(error) => Err(error.to_string()),
        });
        Ok(Reply { status, headers, chunks: Box::pin(chunks) })
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn send(self) -> Result<Answer, CallError> {
        self.begin().await?.whole().await
    }
}

type Chunks = std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Vec<u8>, String>>>>;

/// An answer whose body is still coming.
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    chunks: Chunks,
}

impl Reply {
    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// What the transport said, when it broke.
    pub async fn chunk(&mut self) -> Option<Result<Vec<u8>, String>> {
        self.chunks.next().await
    }

    /// The rest of it.
    ///
    /// # Errors
    /// [`CallError::BrokenOff`].
    pub async fn whole(mut self) -> Result<Answer, CallError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await {
            match chunk {
                Ok(bytes) if body.len() + bytes.len() <= LONGEST => body.extend_from_slice(&bytes),
                Ok(_) => return Err(self.broken(format!("it is longer than {LONGEST} bytes"))),
                Err(cause) => return Err(self.broken(cause)),
            }
        }
        Ok(Answer { status: self.status, headers: self.headers, body })
    }

    fn broken(self, cause: String) -> CallError {
        CallError::BrokenOff { status: self.status, headers: Box::new(self.headers), cause }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header, if it is there once and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON; null when it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of an error body.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A readable header.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
