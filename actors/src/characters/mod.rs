//! Characters: made out of videos, found by those who may see them, named by prompts. A username has one bearer: the committer
//! refuses a second one.

mod adopt;
mod create;
mod repeat;

pub use create::{NewCharacter, NotCreated};
pub use repeat::Repeat;

use crate::{
    index,
    media_library::{MediaLibrary, Upload, returned},
    refused::Refused,
};
use atelier_domain::{
    character::{Character, Portraitist, Visibility},
    code::Code,
    ids::{CharacterId, KeyId},
    mention::{self, Named},
    time::Clock,
    username::{Bearer, Username},
};
use atelier_store::{Batch, CommitError, Expect, Row, Store, Table};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, Semaphore};

/// Videos that are looked into for portraits at the same time.
const PORTRAYING: usize = 2;

/// How often a change starts over because another came in between.
const TRIES: usize = 16;

/// How the façade speaks to characters.
#[derive(Clone)]
pub struct Characters {
    store: Store,
    clock: Arc<dyn Clock>,
    library: MediaLibrary,
    portraitist: Arc<dyn Portraitist>,
    turns: Arc<Semaphore>,
    /// One character at a time takes the number after the last one's.
    numbering: Arc<Mutex<()>>,
    /// How long an Idempotency-Key is remembered.
    remembered: Duration,
}

/// What may be changed of a character; none leaves as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CharacterChanges {
    /// How it behaves; `Some(None)` means nothing is said.
    pub instruction_set: Option<Option<String>>,
    /// How it must not behave; `Some(None)` means nothing is said.
    pub safety_instruction_set: Option<Option<String>>,
    /// Who may use it.
    pub visibility: Option<Visibility>,
}

impl Characters {
    /// The characters of this store; an Idempotency-Key is `remembered` for so long.
    pub fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        library: MediaLibrary,
        portraitist: Arc<dyn Portraitist>,
        remembered: Duration,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(PORTRAYING));
        Self { store, clock, library, portraitist, turns, numbering: Arc::default(), remembered }
    }

    /// Any character: whoever calls has seen that the caller may.
    pub fn find(&self, id: CharacterId) -> Result<Option<Character>, Refused> {
        Ok(self.store.load::<Character>(id.uuid().as_bytes())?)
    }

    /// A key's own character.
    pub fn get(&self, owner: KeyId, id: CharacterId) -> Result<Option<Character>, Refused> {
        Ok(self.find(id)?.filter(|character| character.owner == owner))
    }

    /// A key's characters, from the newest or the oldest on, after one of them.
    pub fn list(
        &self,
        owner: KeyId,
        after: Option<CharacterId>,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<Character>, Refused> {
        let after = after.map(|after| index::character_of(owner, after));
        let page = index::page(index::characters_of(owner), after, newest_first, limit);
        let mut characters = Vec::new();
        for (place, _) in self.store.scan(Table::Social, page)? {
            if let Some(id) = index::id_at(&place).map(CharacterId::from_uuid) {
                characters.extend(self.get(owner, id)?);
            }
        }
        Ok(characters)
    }

    /// Everybody's characters in the order of their making, after one of them: for the operator.
    pub fn all(&self, after: Option<CharacterId>, limit: usize) -> Result<Vec<Character>, Refused> {
        let after = after.map(|after| after.uuid().as_bytes().to_vec());
        let page = index::page(Vec::new(), after, false, limit);
        Ok(self.store.rows::<Character>(page)?.into_iter().map(|(_, character)| character).collect())
    }

    /// Whom this key means, if it may use them: its own characters, and public ones.
    pub fn named(&self, key: KeyId, named: &Named) -> Result<Option<Character>, Refused> {
        let id = match named {
            Named::Id(id) => *id,
            Named::Username(username) => match self.bearer(username)? {
                Some(Bearer::Character(id)) => id,
                _ => return Ok(None),
            },
        };
        Ok(self.find(id)?.filter(|character| character.is_visible_to(key)))
    }

    /// The character of this username, if this key may use it.
    pub fn find_by_username(&self, key: KeyId, username: &Username) -> Result<Option<Character>, Refused> {
        self.named(key, &Named::Username(username.clone()))
    }

    fn bearer(&self, username: &Username) -> Result<Option<Bearer>, Refused> {
        Ok(self.store.load::<Bearer>(username.as_str())?)
    }

    /// Every character that a prompt of this key speaks of, each once, in the order of the text. What names nobody is plain text.
    pub fn mentioned(&self, key: KeyId, prompt: &str) -> Result<Vec<Character>, Refused> {
        let mut characters: Vec<Character> = Vec::new();
        for mention in mention::mentions(prompt) {
            let Some(character) = self.named(key, &mention.named)? else { continue };
            if characters.iter().all(|known| known.id != character.id) {
                characters.push(character);
            }
        }
        Ok(characters)
    }

    /// A character's portrait as a file of this key's, to work from; its bytes are shared, so that the character may go meanwhile.
    pub async fn portrait(&self, key: KeyId, character: &Character) -> Result<Upload, Refused> {
        let portrayed = match &character.portrait {
            Some(_) => character.clone(),
            None => self.portray_late(character).await?,
        };
        let gone = || Refused::new(Code::CharacterNotFound, "the character is gone");
        self.library.reuse_shown(key, portrayed.portrait.ok_or_else(gone)?.media).await
    }

    /// Changes a character; none when there is none of this id.
    pub async fn update(
        &self,
        id: CharacterId,
        changes: CharacterChanges,
    ) -> Result<Option<Character>, Refused> {
        let now = self.clock.now();
        self.change(id, |character| {
            let CharacterChanges { instruction_set, safety_instruction_set, visibility } = changes.clone();
            character.instruction_set = instruction_set.unwrap_or(character.instruction_set.take());
            let safety = safety_instruction_set.unwrap_or(character.safety_instruction_set.take());
            character.safety_instruction_set = safety;
            character.visibility = visibility.unwrap_or(character.visibility);
            character.updated_at = now;
        })
        .await
    }

    async fn change(
        &self,
        id: CharacterId,
        mut change: impl FnMut(&mut Character),
    ) -> Result<Option<Character>, Refused> {
        for _ in 0..TRIES {
            let Some(bytes) = self.store.get(Table::Characters, id.uuid().as_bytes())? else {
                return Ok(None);
            };
            let mut character = Character::decode(&bytes).map_err(Refused::internal)?;
            change(&mut character);
            let mut batch = Batch::new();
            let expect = Expect::Equals(bytes);
            batch.put_row(id.uuid().as_bytes(), &character, expect).map_err(Refused::internal)?;
            match self.store.submit(batch).await {
                Ok(_) => return Ok(Some(character)),
                // Another change, or the end of the character, was faster.
                Err(CommitError::Refused { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    /// Deletes a character with its files; false when there is none. Its username is free again, and jobs that were given it keep
    /// what they were given.
    pub async fn delete(&self, id: CharacterId) -> Result<bool, Refused> {
        for _ in 0..TRIES {
            let Some(bytes) = self.store.get(Table::Characters, id.uuid().as_bytes())? else {
                return Ok(false);
            };
            let character = Character::decode(&bytes).map_err(Refused::internal)?;
            let mut batch = Batch::new();
            batch.delete_if(Table::Characters, id.uuid().as_bytes(), Expect::Equals(bytes));
            batch.extend(removal(&character));
            match self.store.submit(batch).await {
                Ok(_) => {
                    self.library.remove(character.files().map(|(media, _)| media).collect()).await;
                    return Ok(true);
                }
                Err(CommitError::Refused { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }
}

/// What goes with the row of a character: where else it is found, its files' rows, and what these took of its owner's budget.
pub(crate) fn removal(character: &Character) -> Batch {
    let mut batch = Batch::new();
    batch.delete(Table::Usernames, character.username.as_str());
    batch.delete(Table::Social, index::character_of(character.owner, character.id));
    for (media, _) in character.files() {
        batch.delete(Table::Media, media.uuid().as_bytes());
    }
    returned(&mut batch, character.owner, character.files().map(|(_, bytes)| bytes));
    batch
}
