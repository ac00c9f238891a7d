//! Publishing a work and taking it back: the post, its lists, its files and the count of the one that it derives from, in one
//! transaction each.

use super::{Gallery, TRIES, rewrite, unknown};
use crate::{
    index,
    media_library::{Upload, returned},
    refused::Refused,
};
use atelier_domain::{
    code::Code,
    ids::{KeyId, MediaId, PostId},
    job::{Job, JobOutput, JobState, Work},
    media::{Media, MediaRole, Variant},
    post::{self, Attachment, Post, Reception},
    reference::Reference,
    size::Size,
};
use atelier_store::{Batch, CommitError, Expect, Refusal, Row, Store, Table};
use uuid::Uuid;

impl Gallery {
    /// Publishes what a completed job made. A job that is published already stays as it is, but for a new text.
    pub async fn publish(&self, job: &Job, text: Option<String>) -> Result<Post, Refused> {
        if job.state != JobState::Completed || job.outputs.is_empty() {
            let message = "only what is completed can be published: wait until the job is";
            return Err(Refused::new(Code::JobNotCompleted, message));
        }
        let id = post::post_of(job.id);
        if let Some(post) = self.find(id)? {
            return self.say(post, text).await;
        }
        let (attachments, uploads) = self.attachments(job).await?;
        let mut post = drafted(job, attachments, text.unwrap_or_default());
        (post.place, post.posted_at) = (Uuid::now_v7(), self.clock.now());
        let rows: Vec<Media> = shown(&post, &uploads);
        let uploads: Vec<&Upload> = uploads.iter().collect();
        let _turn = self.writing.lock().await;
        for _ in 0..TRIES {
            let mut batch = Batch::new();
            let parent = job.work.video().and_then(|video| video.source.as_ref()?.of).map(post::post_of);
            let parent = parent.map_or(Ok(None), |parent| self.read(parent))?;
            post.descent = parent.as_ref().map(|(_, parent)| parent.begets());
            let written = batch.put_row(id.uuid().as_bytes(), &post, Expect::Absent);
            written.map_err(Refused::internal)?;
            for row in &rows {
                batch.put_row(row.id.uuid().as_bytes(), row, Expect::Absent).map_err(Refused::internal)?;
            }
            index::list(&mut batch, &post);
            if let Some((bytes, before)) = parent {
                let remixes = before.reception.remixes.saturating_add(1);
                remixed(&mut batch, (bytes, before), remixes)?;
            }
            match self.library.commit_naming(post.owner, batch, &uploads).await {
                Ok(_) => return Ok(post),
                // Somebody else published it meanwhile.
                Err(CommitError::Refused { op: 0, reason: Refusal::Exists }) => {
                    return self.find(id)?.ok_or_else(unknown);
                }
                Err(CommitError::Refused { reason: Refusal::BelowFloor { .. }, .. }) => {
                    return Err(self.library.exhausted());
                }
                Err(CommitError::Refused { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    /// Takes a key's own post back: its link leads nowhere from then on. False when there is none.
    pub async fn unpublish(&self, owner: KeyId, id: PostId) -> Result<bool, Refused> {
        let _turn = self.writing.lock().await;
        for _ in 0..TRIES {
            let Some((bytes, post)) = self.read(id)?.filter(|(_, post)| post.owner == owner) else {
                return Ok(false);
            };
            let batch = withdrawal(&self.store, (bytes, &post))?;
            match self.store.submit(batch).await {
                Ok(_) => {
                    self.library.remove(post.files().map(|(media, _)| media).collect()).await;
                    return Ok(true);
                }
                Err(CommitError::Refused { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    /// The post with another text, if one is given. Whoever calls has seen whose it is.
    pub async fn say(&self, post: Post, text: Option<String>) -> Result<Post, Refused> {
        let Some(text) = text.filter(|text| *text != post.text) else { return Ok(post) };
        let _turn = self.writing.lock().await;
        for _ in 0..TRIES {
            let (bytes, before) = self.read(post.id)?.ok_or_else(unknown)?;
            let after = Post { text: text.clone(), ..before.clone() };
            let mut batch = Batch::new();
            rewrite(&mut batch, (bytes, &before), &after)?;
            match self.store.submit(batch).await {
                Ok(_) => return Ok(after),
                Err(CommitError::Refused { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    /// What the job made, shared into files that are the post's own.
    async fn attachments(&self, job: &Job) -> Result<(Vec<Attachment>, Vec<Upload>), Refused> {
        let (mut attachments, mut uploads) = (Vec::new(), Vec::new());
        for output in &job.outputs {
            let still = output.companions.iter().find(|one| one.variant == Variant::Thumbnail);
            let file = self.share(job.key, output.media, &mut uploads).await?;
            let thumbnail = match still {
                Some(still) => {
                    let shared = self.share(job.key, still.media, &mut uploads).await?;
                    Some(reference(shared, &still.mime, output))
                }
                None => None,
            };
            attachments.push(Attachment { file: reference(file, &output.mime, output), thumbnail });
        }
        Ok((attachments, uploads))
    }

    async fn share(
        &self,
        owner: KeyId,
        media: MediaId,
        uploads: &mut Vec<Upload>,
    ) -> Result<(MediaId, u64), Refused> {
        let upload = self.library.reuse(owner, media).await?;
        let shared = (upload.id, upload.bytes);
        uploads.push(upload);
        Ok(shared)
    }
}

fn reference((media, bytes): (MediaId, u64), mime: &str, output: &JobOutput) -> Reference {
    Reference { media, mime: mime.to_owned(), bytes, size: Size::new(output.width, output.height) }
}

fn drafted(job: &Job, attachments: Vec<Attachment>, text: String) -> Post {
    let (size, seconds) = match &job.work {
        Work::Image(image) => (image.size, 0),
        Work::Video(video) => (video.size, video.seconds),
    };
    Post {
        id: post::post_of(job.id),
        owner: job.key,
        kind: job.work.kind(),
        text,
        model: job.model.clone(),
        size,
        seconds,
        attachments,
        account: job.account,
        descent: None,
        reception: Reception::default(),
        place: Uuid::nil(),
        posted_at: job.updated_at,
    }
}

/// The rows of a post's files.
fn shown(post: &Post, uploads: &[Upload]) -> Vec<Media> {
    let files = post.attachments.iter().flat_map(|one| std::iter::once(&one.file).chain(&one.thumbnail));
    let row = |(file, upload): (&Reference, &Upload)| Media {
        role: MediaRole::Shown,
        mime: file.mime.clone(),
        width: file.size.width,
        height: file.size.height,
        ..upload.row(post.owner, None, post.posted_at)
    };
    files.zip(uploads).map(row).collect()
}

fn remixed(batch: &mut Batch, (bytes, before): (Vec<u8>, Post), remixes: u64) -> Result<(), Refused> {
    let mut after = before.clone();
    after.reception.remixes = remixes;
    rewrite(batch, (bytes, &before), &after)
}

/// Takes a post away as it was read: its row, its lists, its files' rows, what these took of its owner's budget, and one from the count of
/// what it derives from. What keys did to it is swept later, since it may be much.
pub(crate) fn withdrawal(store: &Store, (bytes, post): (Vec<u8>, &Post)) -> Result<Batch, Refused> {
    let mut batch = Batch::new();
    batch.delete_if(Table::Posts, post.id.uuid().as_bytes(), Expect::Equals(bytes));
    index::unlist(&mut batch, post);
    for (media, _) in post.files() {
        batch.delete(Table::Media, media.uuid().as_bytes());
    }
    returned(&mut batch, post.owner, post.files().map(|(_, bytes)| bytes));
    let Some(descent) = post.descent else { return Ok(batch) };
    if let Some(bytes) = store.get(Table::Posts, descent.parent.uuid().as_bytes())? {
        let before = Post::decode(&bytes).map_err(Refused::internal)?;
        let remixes = before.reception.remixes.saturating_sub(1);
        remixed(&mut batch, (bytes, before), remixes)?;
    }
    Ok(batch)
}
