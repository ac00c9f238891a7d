//! The gallery: works that their owners published, in feeds, with what they derive from and how they are met with. What a post shows
//! are files of its own, so that it outlives its job.

mod feed;
mod publish;

pub use feed::{Cursor, Feed, Page};
pub(crate) use publish::withdrawal;

use crate::{
    index::{self, Mark},
    media_library::{MediaLibrary, Upload},
    refused::Refused,
};
use atelier_domain::{
    code::Code,
    ids::{KeyId, PostId},
    key::ApiKey,
    post::{self, Attachment, Post},
    time::Clock,
};
use atelier_store::{Batch, CommitError, Expect, Row, Store, Table};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How often a change starts over because the janitor came in between.
const TRIES: usize = 4;

/// How the façade speaks to the gallery.
#[derive(Clone)]
pub struct Gallery {
    store: Store,
    clock: Arc<dyn Clock>,
    library: MediaLibrary,
    /// One change at a time: many touch the row of the same post, or that of the post which it derives from.
    writing: Arc<Mutex<()>>,
}

impl Gallery {
    /// The gallery of this store.
    pub fn open(store: Store, clock: Arc<dyn Clock>, library: MediaLibrary) -> Self {
        Self { store, clock, library, writing: Arc::default() }
    }

    /// A post that is there; its owner, too.
    pub fn find(&self, id: PostId) -> Result<Option<Post>, Refused> {
        let Some(post) = self.store.load::<Post>(id.uuid().as_bytes())? else { return Ok(None) };
        Ok(self.is_there(post.owner)?.then_some(post))
    }

    fn is_there(&self, owner: KeyId) -> Result<bool, Refused> {
        let row = self.store.load::<ApiKey>(owner.uuid().as_bytes())?;
        Ok(row.is_some_and(|key| key.deleted_at.is_none()))
    }

    /// The post that a text names, by its id or by a share link, if it is there: what anybody may work from.
    pub fn resolve_share(&self, text: &str) -> Result<Option<Post>, Refused> {
        post::named_in(text).map_or(Ok(None), |id| self.find(id))
    }

    /// What a post shows as a file of this key's, to work from: its bytes are shared, so that the post may go meanwhile.
    pub async fn reuse(&self, key: KeyId, attachment: &Attachment) -> Result<Upload, Refused> {
        self.library.reuse_shown(key, attachment.file.media).await
    }

    /// Counts a look of this key at a post, the first time; the answer is the post as it is then.
    pub async fn view(&self, id: PostId, key: KeyId) -> Result<Option<Post>, Refused> {
        self.mark(id, (Mark::View, key), true).await
    }

    /// Has this key like a post, or not any more; the answer is the post as it is then.
    pub async fn like(&self, id: PostId, key: KeyId, likes: bool) -> Result<Option<Post>, Refused> {
        self.mark(id, (Mark::Like, key), likes).await
    }

    /// Whether this key likes a post.
    pub fn is_liked(&self, post: &Post, key: KeyId) -> Result<bool, Refused> {
        Ok(self.store.get(Table::Social, &Mark::Like.place(post, key))?.is_some())
    }

    async fn mark(
        &self,
        id: PostId,
        (mark, key): (Mark, KeyId),
        is_set: bool,
    ) -> Result<Option<Post>, Refused> {
        // The usual case first: it is counted already, and nothing has to be written.
        let Some(post) = self.find(id)? else { return Ok(None) };
        if self.store.get(Table::Social, &mark.place(&post, key))?.is_some() == is_set {
            return Ok(Some(post));
        }
        let _turn = self.writing.lock().await;
        for _ in 0..TRIES {
            let Some((bytes, post)) = self.read(id)? else { return Ok(None) };
            let place = mark.place(&post, key);
            if self.store.get(Table::Social, &place)?.is_some() == is_set {
                return Ok(Some(post));
            }
            let mut marked = post.clone();
            let count = match mark {
                Mark::View => &mut marked.reception.views,
                Mark::Like => &mut marked.reception.likes,
            };
            *count = if is_set { count.saturating_add(1) } else { count.saturating_sub(1) };
            let mut batch = Batch::new();
            if is_set {
                batch.put_new(Table::Social, place, index::THERE);
            } else {
                batch.delete_present(Table::Social, place);
            }
            rewrite(&mut batch, (bytes, &post), &marked)?;
            match self.store.submit(batch).await {
                Ok(_) => return Ok(Some(marked)),
                Err(CommitError::Refused { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    /// A post with its row's bytes.
    fn read(&self, id: PostId) -> Result<Option<(Vec<u8>, Post)>, Refused> {
        let Some(bytes) = self.store.get(Table::Posts, id.uuid().as_bytes())? else { return Ok(None) };
        let post = Post::decode(&bytes).map_err(Refused::internal)?;
        Ok(self.is_there(post.owner)?.then_some((bytes, post)))
    }
}

/// Writes a post anew, and its rank if that is another.
fn rewrite(batch: &mut Batch, (bytes, before): (Vec<u8>, &Post), after: &Post) -> Result<(), Refused> {
    let place = after.id.uuid();
    batch.put_row(place.as_bytes(), after, Expect::Equals(bytes)).map_err(Refused::internal)?;
    let (old, new) = (index::rank(before), index::rank(after));
    if old != new {
        batch.delete(Table::Social, old).put(Table::Social, new, index::THERE);
    }
    Ok(())
}

fn unknown() -> Refused {
    Refused::new(Code::PostNotFound, "there is no such post, or it was taken back")
}
