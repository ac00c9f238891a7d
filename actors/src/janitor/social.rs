//! What goes of profiles and posts: those of owners who are gone, and what keys did to posts that were taken back.

use super::sweep::owner_is_there;
use crate::{
    gallery,
    index::{self, Mark},
    refused::Refused,
};
use atelier_domain::post::Post;
use atelier_store::{Batch, CommitError, Row, Scan, Store, Table};

/// Rows read at once and deleted in one transaction.
const AT_ONCE: usize = 256;

/// Takes back the posts of owners who are gone; returns how many. One by one: each also changes the one that it derives from.
pub(super) fn sweep_posts(store: &Store) -> Result<usize, Refused> {
    let (mut gone, mut next) = (0, Scan::all().limit(AT_ONCE));
    loop {
        let page = store.scan(Table::Posts, next)?;
        let Some((last, _)) = page.last() else { return Ok(gone) };
        next = Scan::all().limit(AT_ONCE).after(last.clone());
        for (_, bytes) in page {
            let post = match Post::decode(&bytes) {
                Ok(post) if !owner_is_there(store, post.owner) => post,
                Ok(_) => continue,
                Err(error) => {
                    tracing::warn!(%error, "a row that cannot be read is kept");
                    continue;
                }
            };
            match store.submit_blocking(gallery::withdrawal(store, (bytes, &post))?) {
                Ok(_) => gone += 1,
                // Something was counted meanwhile: the next walk takes it.
                Err(CommitError::Refused { .. }) => continue,
                Err(other) => return Err(other.into()),
            }
            for (media, _) in post.files() {
                if let Err(error) = store.media().delete(&media.to_string()) {
                    // No row names it any more, so it is found again as an orphan.
                    tracing::warn!(%error, %media, "a file of a post cannot be removed");
                }
            }
        }
    }
}

/// Forgets who saw and liked what was taken back; returns how many rows went.
pub(super) fn sweep_marks(store: &Store) -> Result<usize, Refused> {
    let mut gone = 0;
    for mark in Mark::ALL {
        let mut after = None;
        // From publication to publication, however many marks each has.
        while let Some(publication) = next_publication(store, mark, after.take())? {
            let listed = [index::latest().as_slice(), &publication[mark.prefix().len()..]].concat();
            if store.scan(Table::Social, Scan::prefix(listed).limit(1))?.is_empty() {
                gone += forget(store, &publication)?;
            }
            after = Some([publication.as_slice(), &[u8::MAX; 16]].concat());
        }
    }
    Ok(gone)
}

/// Where the marks of the next publication begin.
fn next_publication(store: &Store, mark: Mark, after: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Refused> {
    let page = index::page(mark.prefix().to_vec(), after, false, 1);
    let found = store.scan(Table::Social, page)?.into_iter().next();
    Ok(found.and_then(|(place, _)| place.get(..mark.prefix().len() + 16).map(<[u8]>::to_vec)))
}

fn forget(store: &Store, publication: &[u8]) -> Result<usize, Refused> {
    let mut gone = 0;
    loop {
        let page = store.scan(Table::Social, Scan::prefix(publication.to_vec()).limit(AT_ONCE))?;
        if page.is_empty() {
            return Ok(gone);
        }
        let mut batch = Batch::new();
        for (place, _) in &page {
            batch.delete(Table::Social, place.clone());
        }
        store.submit_blocking(batch)?;
        gone += page.len();
    }
}
