//! Where characters and posts are found besides under their ids: the places of the table `social`. Each begins with a letter that
//! says what kind it is, so that a scan meets one kind only.

use atelier_domain::{
    ids::{AccountId, CharacterId, KeyId, PostId},
    post::Post,
};
use atelier_store::{Batch, Scan, Table};
use uuid::Uuid;

/// The row of a place that says nothing but that it is there.
pub(crate) const THERE: &str = "{}";

/// All characters of a key, in the order of their making.
pub(crate) fn characters_of(owner: KeyId) -> Vec<u8> {
    [b"c".as_slice(), owner.uuid().as_bytes()].concat()
}

/// One character of a key.
pub(crate) fn character_of(owner: KeyId, id: CharacterId) -> Vec<u8> {
    [characters_of(owner).as_slice(), id.uuid().as_bytes()].concat()
}

/// Where the username of a key's owner stands.
pub(crate) fn username_of(key: KeyId) -> Vec<u8> {
    [b"u".as_slice(), key.uuid().as_bytes()].concat()
}

/// All posts in the order of their publication.
pub(crate) fn latest() -> Vec<u8> {
    b"l".to_vec()
}

/// All posts in the order of their rank, the lowest first.
pub(crate) fn ranked() -> Vec<u8> {
    b"t".to_vec()
}

/// All posts of a key.
pub(crate) fn posts_of(owner: KeyId) -> Vec<u8> {
    [b"o".as_slice(), owner.uuid().as_bytes()].concat()
}

/// All posts that an account made.
pub(crate) fn posts_by(account: AccountId) -> Vec<u8> {
    [b"a".as_slice(), account.uuid().as_bytes()].concat()
}

/// All posts that derive from one.
pub(crate) fn remixes_of(parent: PostId) -> Vec<u8> {
    [b"r".as_slice(), parent.uuid().as_bytes()].concat()
}

/// Where a post stands among others by the order of publication.
fn placed(prefix: &[u8], post: &Post) -> Vec<u8> {
    [prefix, post.place.as_bytes(), post.id.uuid().as_bytes()].concat()
}

/// Where a post stands in the ranking.
pub(crate) fn rank(post: &Post) -> Vec<u8> {
    placed(&[ranked().as_slice(), &post.reception.score().to_be_bytes()].concat(), post)
}

/// Every place of a post but its rank.
fn places(post: &Post) -> impl Iterator<Item = Vec<u8>> {
    let prefixes = [Some(latest()), Some(posts_of(post.owner)), post.account.map(posts_by)];
    let parent = post.descent.map(|descent| remixes_of(descent.parent));
    prefixes.into_iter().chain([parent]).flatten().map(|prefix| placed(&prefix, post))
}

/// Lists a post wherever it belongs.
pub(crate) fn list(batch: &mut Batch, post: &Post) {
    for place in places(post).chain([rank(post)]) {
        batch.put(Table::Social, place, THERE);
    }
}

/// Takes a post out of every list.
pub(crate) fn unlist(batch: &mut Batch, post: &Post) {
    for place in places(post).chain([rank(post)]) {
        batch.delete(Table::Social, place);
    }
}

/// What a key did to a post that is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    View,
    Like,
}

impl Mark {
    pub(crate) const ALL: [Self; 2] = [Self::View, Self::Like];

    /// All marks of this kind.
    pub(crate) const fn prefix(self) -> &'static [u8] {
        match self {
            Self::View => b"v",
            Self::Like => b"k",
        }
    }

    /// Where it is noted. It names the publication, not the post: one that is published again is a new one.
    pub(crate) fn place(self, post: &Post, key: KeyId) -> Vec<u8> {
        [self.prefix(), post.place.as_bytes(), key.uuid().as_bytes()].concat()
    }
}

/// In `meta`: how many characters there ever were, so that no number is given twice.
pub(crate) const NUMBERED: &str = "characters";

/// The id that a place ends with.
pub(crate) fn id_at(place: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(place.get(place.len().checked_sub(16)?..)?).ok()
}

/// The places of one kind, after one of them.
pub(crate) fn page(prefix: Vec<u8>, after: Option<Vec<u8>>, newest_first: bool, limit: usize) -> Scan {
    let mut scan = Scan::prefix(prefix).limit(limit);
    if newest_first {
        scan = scan.reverse();
    }
    match after {
        Some(after) => scan.after(after),
        None => scan,
    }
}
