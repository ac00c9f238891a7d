//! Forms with files (`multipart/form-data`), written as they are sent: a file goes from the disk to the socket piece by piece.
//! The length is known before, since not every upstream reads a form in chunks; the crates that write forms for awc send those.

use awc::body::{BoxBody, MessageBody as _, SizedStream};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
};
use tokio::{fs::File, io::AsyncReadExt as _};

/// Bytes of a file that are read at once.
const PIECE: usize = 64 << 10;

/// A form.
pub(crate) struct Form {
    boundary: String,
    parts: VecDeque<Part>,
    length: u64,
}

/// A file for a form is not there. The text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("a file of the request cannot be read: {0}")]
pub(crate) struct FormError(#[from] io::Error);

enum Part {
    Bytes(Bytes),
    File(PathBuf, u64),
}

/// What an upstream shall take a file for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileLabel<'a> {
    /// The field's name.
    pub field: &'a str,
    /// The file's name.
    pub name: &'a str,
    /// Its media type.
    pub mime: &'a str,
}

impl Form {
    /// A form without fields.
    pub fn new() -> Self {
        // 128 random bits: nobody can write a prompt that ends the field it stands in.
        let boundary = format!("atelier-{:032x}", rand::random::<u128>());
        Self { boundary, parts: VecDeque::new(), length: 0 }
    }

    /// Adds a field of text. Field names are ours, and plain.
    pub fn text(&mut self, name: &str, value: &str) {
        let head = self.head(&format!("name=\"{name}\""), "");
        self.push([head.as_bytes(), value.as_bytes(), b"\r\n"].concat().into());
    }

    /// Adds a file from memory.
    pub fn bytes(&mut self, label: FileLabel<'_>, bytes: impl Into<Bytes>) {
        let head = self.file_head(label);
        self.push(head.into());
        self.push(bytes.into());
        self.push(Bytes::from_static(b"\r\n"));
    }

    /// Adds a file from the disk, which must not change until it is sent.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn file(&mut self, label: FileLabel<'_>, path: &Path) -> Result<(), FormError> {
        let length = tokio::fs::metadata(path).await?.len();
        let head = self.file_head(label);
        self.push(head.into());
        self.length += length;
        self.parts.push_back(Part::File(path.to_owned(), length));
        self.push(Bytes::from_static(b"\r\n"));
        Ok(())
    }

    /// The value of `Content-Type`.
    pub fn media_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The body.
    pub fn into_body(mut self) -> BoxBody {
        let end = format!("--{}--\r\n", self.boundary);
        self.push(end.into());
        let (length, sender) = (self.length, Sender { parts: self.parts, open: None });
        let pieces = stream::unfold(sender, |mut sender| async move {
            sender.next().await.transpose().map(|piece| (piece, sender))
        });
        SizedStream::new(length, pieces.boxed_local()).boxed()
    }

    fn head(&self, disposition: &str, more: &str) -> String {
        format!("--{}\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n", self.boundary)
    }

    fn file_head(&self, label: FileLabel<'_>) -> String {
        let FileLabel { field, name, mime } = label;
        self.head(&format!("name=\"{field}\"; filename=\"{name}\""), &format!("Content-Type: {mime}\r\n"))
    }

    fn push(&mut self, bytes: Bytes) {
        self.length += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.parts.push_back(Part::Bytes(bytes));
    }
}

struct Sender {
    parts: VecDeque<Part>,
    open: Option<(File, u64)>,
}

impl Sender {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some((file, left)) = self.open.take_if(|(_, left)| *left > 0) {
                return self.piece(file, left).await.map(Some);
            }
            self.open = None;
            match self.parts.pop_front() {
                None => return Ok(None),
                Some(Part::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Part::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(Part::File(path, length)) => self.open = Some((File::open(path).await?, length)),
            }
        }
    }

    async fn piece(&mut self, mut file: File, left: u64) -> io::Result<Bytes> {
        let mut piece = Vec::with_capacity(PIECE);
        let most = u64::try_from(PIECE).unwrap_or(u64::MAX).min(left);
        let read = (&mut file).take(most).read_buf(&mut piece).await?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a file became shorter while it was sent",
            ));
        }
        self.open = Some((file, left - u64::try_from(read).unwrap_or(left)));
        Ok(piece.into())
    }
}
