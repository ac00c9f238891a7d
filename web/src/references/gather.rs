//! Bringing the pictures in: fetched, decoded or shared into files of the caller's own.

use super::{
    given::{Given, Source},
    rules,
};
use crate::{fields::FormFile, gateway::Gateway, links::Linked, problem::Problem};
use atelier_actors::{Refused, media_library::Upload};
use atelier_domain::{
    code::{Code, Retry},
    fetch::FetchLimits,
    ids::KeyId,
    image::ReferenceUsage,
    reference::{Reference, References},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// When a busy fetcher has room again, as a rule.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Pictures of one request that are brought in at once.
const AT_ONCE: usize = 4;

/// Long texts that are in memory at once, of all requests.
static LONG_TEXTS: Semaphore = Semaphore::const_new(8);

/// The longest file that may be an address, and the longest that may be a data URI (clients.md §14, 16.3).
const ADDRESS_BYTES: u64 = 64 << 10;
const DATA_BYTES: u64 = 28 << 20;

const NO_PICTURE: &str = "it is neither an http(s) URL nor a data URI nor the base64 of a picture";
const NO_VIDEO: &str = "it is neither an http(s) URL nor a data URI nor the base64 of a video";

/// Clients pad base64 or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The pictures of a request, on disk.
pub struct Gathered {
    /// As the job names them.
    pub references: References<Reference>,
    /// The files, which belong to the job once it is accepted.
    pub uploads: Vec<Arc<Upload>>,
}

/// Who brings pictures in, and where they reached us.
pub struct Gatherer<'a> {
    /// The gateway.
    pub gateway: &'a Gateway,
    /// Whose pictures they are.
    pub key: KeyId,
    /// Where the client reached us: links that begin with it are our own.
    pub origin: &'a str,
}

/// What is brought in, and where it stood.
#[derive(Clone, Copy)]
struct Sent<'a> {
    field: &'a str,
    /// Which of several pictures, from 1.
    number: Option<usize>,
    is_video: bool,
}

impl<'a> Sent<'a> {
    fn picture(field: &'a str, number: Option<usize>) -> Self {
        Self { field, number, is_video: false }
    }

    fn told(self, why: &str) -> String {
        match self.number {
            Some(number) => format!("{}, picture {number}: {why}", self.field),
            None => format!("{}: {why}", self.field),
        }
    }

    fn wrong(self, why: &str) -> Problem {
        Problem::field(self.field, self.told(why))
    }

    fn nothing(self) -> Problem {
        self.wrong(if self.is_video { NO_VIDEO } else { NO_PICTURE })
    }

    /// Whether the bytes say that it is what it must be. What a video is shows later, when it is looked into.
    fn is_usable(self, upload: &Upload) -> bool {
        self.is_video || upload.look.is_ok()
    }
}

impl Gatherer<'_> {
    /// Brings all pictures in. None when there is none.
    pub async fn gather(&self, given: Given) -> Result<Option<Gathered>, Problem> {
        if given.is_empty() {
            return Ok(None);
        }
        let several = given.images.len() > 1;
        let images = given.images.into_iter().enumerate().map(async |(index, (field, source))| {
            let number = several.then_some(index + 1);
            let upload = self.bring(source, Sent::picture(&field, number)).await?;
            let reference = rules::picture(&upload, &field, number)?;
            Ok::<_, Problem>((reference, upload))
        });
        let images: Vec<_> = stream::iter(images).buffered(AT_ONCE).try_collect().await?;
        let (images, mut uploads): (Vec<_>, Vec<_>) = images.into_iter().unzip();
        let mut overlays = [None, None];
        for (kept, (field, source)) in
            overlays.iter_mut().zip([("mask", given.mask), ("markup", given.markup)])
        {
            let (Some(source), Some(first)) = (source, images.first()) else { continue };
            let upload = self.bring(source, Sent::picture(field, None)).await?;
            *kept = Some(rules::picture(&upload, field, None)?);
            rules::overlay(&upload.look, first, field)?;
            uploads.push(upload);
        }
        let [mask, markup] = overlays;
        let usage = given.usage.unwrap_or(ReferenceUsage::Subject);
        let references = References { images, mask, markup, usage, fidelity: given.fidelity };
        Ok(Some(Gathered { references, uploads: uploads.into_iter().map(Arc::new).collect() }))
    }

    /// Brings one picture in.
    pub async fn picture(&self, source: Source, field: &str) -> Result<(Reference, Arc<Upload>), Problem> {
        let upload = self.bring(source, Sent::picture(field, None)).await?;
        Ok((rules::picture(&upload, field, None)?, Arc::new(upload)))
    }

    /// Brings one video in, which nobody has looked into yet.
    pub async fn video(&self, source: Source, field: &str) -> Result<Upload, Problem> {
        self.bring(source, Sent { field, number: None, is_video: true }).await
    }

    async fn bring(&self, source: Source, sent: Sent<'_>) -> Result<Upload, Problem> {
        let about = |refused: Refused| Problem::from(refused).param(sent.field);
        match source {
            Source::File(file) => self.file(*file, sent).await,
            Source::Text(text) => self.text(&text, sent).await,
            Source::Made(id) => self.gateway.library.reuse(self.key, id).await.map_err(about),
            Source::Kept(id) => self.gateway.library.reuse_file(self.key, id).await.map_err(about),
        }
    }

    /// A file, or what it stands for: some clients send an address as the bytes of a file, and a long text becomes one.
    async fn file(&self, file: FormFile, sent: Sent<'_>) -> Result<Upload, Problem> {
        let FormFile { upload, is_text, .. } = file;
        if upload.look.is_ok() && !is_text {
            return Ok(upload);
        }
        let library = &self.gateway.library;
        let beginning = library.beginning(upload.id, 16).await?;
        let beginning = String::from_utf8_lossy(&beginning);
        let begins_with = |scheme| has_prefix(beginning.trim_start(), scheme);
        let most = match begins_with("http://") || begins_with("https://") {
            true => ADDRESS_BYTES,
            false if is_text || begins_with("data:") => DATA_BYTES,
            false => return Ok(upload),
        };
        if upload.bytes > most {
            return Ok(upload);
        }
        let _room = if upload.bytes > ADDRESS_BYTES { LONG_TEXTS.acquire().await.ok() } else { None };
        match String::from_utf8(library.read(upload.id).await?) {
            Ok(text) => self.text(text.trim(), sent).await,
            Err(_) => Ok(upload),
        }
    }

    async fn text(&self, text: &str, sent: Sent<'_>) -> Result<Upload, Problem> {
        if has_prefix(text, "data:") {
            let Some((head, data)) = text.split_once(',') else {
                return Err(sent.wrong("a data URI has a comma before its data"));
            };
            if !head.to_ascii_lowercase().ends_with(";base64") {
                return Err(sent.wrong("a data URI must say ;base64"));
            }
            return self.encoded(data, sent).await;
        }
        if has_prefix(text, "http://") || has_prefix(text, "https://") {
            return self.address(text, sent).await;
        }
        let upload = self.encoded(text, sent).await?;
        if !sent.is_usable(&upload) {
            // Many a word is valid base64.
            return Err(sent.nothing());
        }
        Ok(upload)
    }

    async fn encoded(&self, data: &str, sent: Sent<'_>) -> Result<Upload, Problem> {
        let about = |refused: Refused| Problem::from(refused).param(sent.field);
        let mut receiving = self.gateway.library.receive(self.key).await.map_err(about)?;
        // Line breaks are common in base64 that was made for mail; four letters are three bytes.
        let letters: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        for piece in letters.chunks(256 << 10) {
            let bytes = BASE64.decode(piece).map_err(|_| sent.nothing())?;
            receiving.write(bytes.into()).await.map_err(about)?;
        }
        receiving.finish().await.map_err(about)
    }

    async fn address(&self, url: &str, sent: Sent<'_>) -> Result<Upload, Problem> {
        let about = |refused: Refused| Problem::from(refused).param(sent.field);
        let refused = |why: &str| Problem::new(Code::InvalidImageUrl, sent.told(why)).param(sent.field);
        match self.gateway.links.find(self.origin, url) {
            Linked::Ours(id) => {
                let reused = self.gateway.library.reuse(self.key, id).await;
                return reused.map_err(|error| match error.code {
                    Code::MediaNotFound => refused("this link leads to no file of this API key any more"),
                    _ => about(error),
                });
            }
            Linked::Broken => return Err(refused("this link was altered or has expired: ask for a new one")),
            Linked::Foreign => {}
        }
        let limits = FetchLimits { bytes: self.gateway.library.longest() };
        let failed = |error: atelier_domain::fetch::FetchError| {
            tracing::info!(context = %error.context, reason = %error, "a reference was not fetched");
            let refused = Refused::new(error.code(), sent.told(&error.to_string()));
            // Only a fetcher that is busy is worth another try.
            about(if error.code().retry() == Retry::Yes { refused.retry_after(BUSY_WAIT) } else { refused })
        };
        let mut fetched = self.gateway.fetcher.clone().fetch(url.to_owned(), limits).await.map_err(failed)?;
        let mut receiving = self.gateway.library.receive(self.key).await.map_err(about)?;
        while let Some(piece) = fetched.body.chunk().await.map_err(failed)? {
            receiving.write(piece).await.map_err(about)?;
        }
        let upload = receiving.finish().await.map_err(about)?;
        match &upload.look {
            Err(why) if !sent.is_video => Err(refused(&format!("the file at this URL: {why}"))),
            _ => Ok(upload),
        }
    }
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
