//! Feeds, page by page. A cursor is the place of the last post that was shown, so what is published meanwhile moves nothing.

use super::Gallery;
use crate::{index, refused::Refused};
use atelier_domain::{
    ids::{AccountId, KeyId, PostId},
    post::Post,
};
use atelier_store::Table;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{fmt, str::FromStr};

/// The most posts of a page.
const MOST: usize = 100;

/// How many reads fill one page, when much of what is listed was taken back meanwhile.
const READS: usize = 8;

/// Which posts, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// All, the latest first.
    Latest,
    /// All, the best first. One whose rank changes between two pages may be met twice, or not at all.
    Top,
    /// Those of a key.
    Of(KeyId),
    /// Those that an account made.
    By(AccountId),
    /// Those that derive from one.
    Remixes(PostId),
}

impl Feed {
    fn prefix(self) -> Vec<u8> {
        match self {
            Self::Latest => index::latest(),
            Self::Top => index::ranked(),
            Self::Of(owner) => index::posts_of(owner),
            Self::By(account) => index::posts_by(account),
            Self::Remixes(parent) => index::remixes_of(parent),
        }
    }

    /// How long what follows the prefix is: place and id, in the ranking after a score.
    fn tail(self) -> usize {
        if self == Self::Top { 40 } else { 32 }
    }
}

/// A place in a feed, opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "cursor must be what an earlier page of this feed answered";
        if text.len() > 64 {
            return Err(WRONG);
        }
        URL_SAFE_NO_PAD.decode(text).map(Self).map_err(|_| WRONG)
    }
}

/// Some posts of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The posts.
    pub posts: Vec<Post>,
    /// Where the next page begins; none at the end.
    pub cursor: Option<Cursor>,
}

impl Gallery {
    /// A page of a feed, after a place in it. None for a cursor of another feed.
    pub fn page(&self, feed: Feed, after: Option<&Cursor>, limit: usize) -> Result<Option<Page>, Refused> {
        let (prefix, limit) = (feed.prefix(), limit.clamp(1, MOST));
        if after.is_some_and(|cursor| cursor.0.len() != feed.tail()) {
            return Ok(None);
        }
        let mut last = after.map(|cursor| [prefix.as_slice(), &cursor.0].concat());
        let mut posts: Vec<Post> = Vec::new();
        for _ in 0..READS {
            // One more than wanted tells whether there are more.
            let wanted = limit - posts.len();
            let scan = index::page(prefix.clone(), last.clone(), true, wanted + 1);
            let places = self.store.scan(Table::Social, scan)?;
            let is_end = places.len() <= wanted;
            for (place, _) in places.into_iter().take(wanted) {
                let id = index::id_at(&place).map(PostId::from_uuid);
                posts.extend(id.map(|id| self.find(id)).transpose()?.flatten());
                last = Some(place);
            }
            if is_end {
                return Ok(Some(Page { posts, cursor: None }));
            }
            if posts.len() == limit {
                break;
            }
        }
        let cursor = last.map(|place| Cursor(place[prefix.len()..].to_vec()));
        Ok(Some(Page { posts, cursor }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_is_refused() {
        let cursor = Cursor((0..40).collect());
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["*", "a b", &"A".repeat(65)] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
