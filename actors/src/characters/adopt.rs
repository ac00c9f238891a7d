//! Characters that an earlier version kept as files: taken over at start, given a name at once and a portrait when it is first needed.

use super::{
    Characters,
    create::{Unportrayed, Wish, row},
};
use crate::{media_library::StoredFile, refused::Refused};
use atelier_domain::{
    character::{Character, Footage, NoPortrait, Timestamps, Visibility},
    code::Code,
    ids::CharacterId,
    media::MediaRole,
};
use atelier_store::{Batch, Expect, Table};

/// What such files were kept for.
const PURPOSE: &str = "character";

impl Characters {
    /// Takes over the characters that are still files; returns how many. Each is one transaction, so it may be cut short anywhere.
    pub async fn adopt(&self) -> Result<usize, Refused> {
        let mut files = Vec::new();
        self.store.for_each_row::<StoredFile>(|place, file| {
            if file.purpose == PURPOSE {
                files.push((place.to_vec(), file));
            }
            Ok(())
        })?;
        for (place, file) in &files {
            let wish = Wish::of(None, Some(&file.filename)).map_err(Refused::internal)?;
            let character = Character {
                id: CharacterId::from_uuid(file.id.uuid()),
                number: 0,
                owner: file.owner,
                username: wish.name(),
                display_name: file.filename.clone(),
                model: String::new(),
                instruction_set: None,
                safety_instruction_set: None,
                visibility: Visibility::Private,
                video: Footage { media: file.media, bytes: file.bytes },
                portrait: None,
                account: None,
                created_at: file.created_at,
                updated_at: self.clock.now(),
            };
            let mut rider = Batch::new();
            rider.delete_present(Table::Files, place.clone());
            self.enter((character, &wish), (rider, &[]), None).await?;
        }
        Ok(files.len())
    }

    /// Gives a character that has none its portrait.
    pub(super) async fn portray_late(&self, character: &Character) -> Result<Character, Refused> {
        let path = self.store.media().path(&character.video.media.to_string()).map_err(Refused::internal)?;
        let portrait = self.portray_file(path, Timestamps::default()).await.map_err(|error| match error {
            Unportrayed::Refused(refused) => refused,
            Unportrayed::No(NoPortrait::Video(why) | NoPortrait::Timestamps(why)) => {
                Refused::new(Code::CharacterNotFound, format!("the character's video cannot be used: {why}"))
            }
        })?;
        let (upload, reference) = self.keep_portrait(character.owner, portrait).await?;
        let now = self.clock.now();
        let media = row(&reference, MediaRole::Shown, upload.row(character.owner, None, now));
        let before = self.store.get(Table::Characters, character.id.uuid().as_bytes())?;
        let gone = || Refused::new(Code::CharacterNotFound, "the character is gone");
        let portrayed = Character { portrait: Some(reference), updated_at: now, ..character.clone() };
        let mut batch = Batch::new();
        let expect = Expect::Equals(before.ok_or_else(gone)?);
        let written = batch
            .put_row(character.id.uuid().as_bytes(), &portrayed, expect)
            .and_then(|batch| batch.put_row(media.id.uuid().as_bytes(), &media, Expect::Absent));
        written.map_err(Refused::internal)?;
        self.library.commit_naming(character.owner, batch, &[&upload]).await?;
        Ok(portrayed)
    }
}
