//! Requests for a character that are sent twice: with an Idempotency-Key they make one.

use super::Characters;
use crate::{
    job_supervisor::{Idempotency, idempotency_place, mismatch},
    refused::Refused,
};
use atelier_domain::{
    character::Character,
    code::Code,
    ids::{CharacterId, JobId, KeyId},
};
use atelier_store::{Batch, Expect, Row, Table};

/// What tells that a request was sent before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The client's Idempotency-Key.
    pub idempotency_key: String,
    /// SHA-256 of endpoint and parsed body, in hex.
    pub body_hash: String,
}

/// What an earlier request with the same Idempotency-Key says about this one.
pub(super) enum Earlier {
    /// It made this.
    Made(Box<Character>),
    /// Nothing: this one may write its own row, which must meet that.
    Free(Expect),
}

impl Characters {
    pub(super) fn earlier(&self, owner: KeyId, repeat: &Repeat) -> Result<Earlier, Refused> {
        let place = idempotency_place(owner, &repeat.idempotency_key);
        let Some(bytes) = self.store.get(Table::Idempotency, &place)? else {
            return Ok(Earlier::Free(Expect::Absent));
        };
        let kept = Idempotency::decode(&bytes).map_err(Refused::internal)?;
        if kept.expires_at <= self.clock.now() {
            return Ok(Earlier::Free(Expect::Equals(bytes)));
        }
        if kept.body_hash != repeat.body_hash {
            return Err(mismatch());
        }
        let gone = || Refused::new(Code::CharacterNotFound, "the character of the first request was deleted");
        let made = self.get(owner, CharacterId::from_uuid(kept.job.uuid()))?.ok_or_else(gone)?;
        Ok(Earlier::Made(Box::new(made)))
    }

    /// Has the next request with this Idempotency-Key find the character.
    pub(super) fn remember(
        &self,
        batch: &mut Batch,
        character: &Character,
        (repeat, expect): (&Repeat, Expect),
    ) -> Result<(), Refused> {
        let row = Idempotency {
            job: JobId::from_uuid(character.id.uuid()),
            body_hash: repeat.body_hash.clone(),
            expires_at: self.clock.now() + self.remembered,
        };
        let place = idempotency_place(character.owner, &repeat.idempotency_key);
        batch.put_row(place, &row, expect).map(drop).map_err(Refused::internal)
    }
}
