//! Where characters and posts are found besides under their ids: the places of the table `social`. Each begins with a letter that
//! says what kind it is, so that a scan meets one kind only.

use atelier_domain::ids::{CharacterId, KeyId};
use atelier_store::Scan;
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
