//! Profiles: the name under which the owner of a key publishes. It is made up when it is first asked for, so that it says nothing of
//! what the operator calls the key, and stays.

use crate::{index, refused::Refused};
use atelier_domain::{
    ids::KeyId,
    username::{Bearer, Username},
};
use atelier_store::{Batch, CommitError, Expect, Refusal, Scan, Store, Table};

/// Names that are tried before it is said that there is none.
const NAMES: u32 = 12;

/// Names that are read at once, and at most, in a search.
const PAGE: usize = 200;
const MOST: usize = 5_000;

/// How the façade speaks to profiles.
#[derive(Clone)]
pub struct Profiles {
    store: Store,
}

impl Profiles {
    /// The profiles of this store.
    pub fn open(store: Store) -> Self {
        Self { store }
    }

    /// Who bears a username.
    pub fn find(&self, username: &Username) -> Result<Option<Bearer>, Refused> {
        Ok(self.store.load::<Bearer>(username.as_str())?)
    }

    /// The username of a key's owner, if it has one yet.
    fn known(&self, key: KeyId) -> Result<Option<Username>, Refused> {
        let Some(bytes) = self.store.get(Table::Social, &index::username_of(key))? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(Refused::internal)
    }

    /// The username of a key's owner.
    pub async fn username(&self, key: KeyId) -> Result<Username, Refused> {
        if let Some(username) = self.known(key)? {
            return Ok(username);
        }
        let (high, low) = key.uuid().as_u64_pair();
        let wish = Username::of_words(low ^ high.rotate_left(17));
        for turn in 0..NAMES {
            let username = wish.variant(turn, rand::random());
            let mut batch = Batch::new();
            let bearer = Bearer::Key(key);
            batch.put_row(username.as_str(), &bearer, Expect::Absent).map_err(Refused::internal)?;
            let written = serde_json::to_vec(&username).map_err(Refused::internal)?;
            batch.put_new(Table::Social, index::username_of(key), written);
            match self.store.submit(batch).await {
                Ok(_) => return Ok(username),
                // Somebody is called so already.
                Err(CommitError::Refused { op: 0, reason: Refusal::Exists }) => {}
                // Another request was faster.
                Err(CommitError::Refused { .. }) => {
                    return self.known(key)?.ok_or_else(Refused::busy);
                }
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    /// Usernames that begin like this, in their order, as long as `keep` says what is wanted of each, `limit` at most.
    pub fn search<T>(
        &self,
        beginning: &str,
        limit: usize,
        mut keep: impl FnMut(&Username, Bearer) -> Result<Option<T>, Refused>,
    ) -> Result<Vec<T>, Refused> {
        let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
        for _ in 0..MOST / PAGE {
            let mut scan = Scan::prefix(beginning.as_bytes().to_vec()).limit(PAGE);
            if let Some(after) = after.take() {
                scan = scan.after(after);
            }
            let page = self.store.rows::<Bearer>(scan)?;
            let is_end = page.len() < PAGE;
            for (place, bearer) in page {
                let name = std::str::from_utf8(&place).ok().and_then(|name| name.parse().ok());
                let kept = name.map(|name: Username| keep(&name, bearer)).transpose()?;
                found.extend(kept.flatten());
                if found.len() == limit {
                    return Ok(found);
                }
                after = Some(place);
            }
            if is_end {
                break;
            }
        }
        Ok(found)
    }
}

/// What goes with a username.
pub(crate) fn removal(bearer: Bearer) -> Batch {
    let mut batch = Batch::new();
    if let Bearer::Key(key) = bearer {
        batch.delete(Table::Social, index::username_of(key));
    }
    batch
}
