//! Making a character: its portrait, its name, its row, in one transaction.

use super::{
    Characters,
    repeat::{Earlier, Repeat},
};
use crate::{index, media_library::Upload, refused::Refused};
use atelier_domain::{
    character::{
        Character, DISPLAY_NAME_CHARS, Footage, INSTRUCTION_CHARS, NoPortrait, Portrait, Timestamps,
        Visibility,
    },
    ids::{AccountId, CharacterId, KeyId},
    job::JobCharacter,
    media::{Media, MediaRole},
    reference::Reference,
    username::{Bearer, Username},
};
use atelier_store::{Batch, CommitError, Expect, Refusal, Table};
use uuid::Uuid;

/// Names that are tried before it is said that there is none.
const NAMES: u32 = 12;

/// What its maker says about a new character.
#[derive(Debug)]
pub struct NewCharacter {
    /// Whose it is.
    pub owner: KeyId,
    /// The model that it is for.
    pub model: String,
    /// The video that shows it: an MP4 file.
    pub video: Upload,
    /// The part of the video that shows it.
    pub timestamps: Timestamps,
    /// What it is to be called, with or without an `@`. When somebody is called so already, digits are added.
    pub username: Option<String>,
    /// Its name for people.
    pub display_name: Option<String>,
    /// How it behaves.
    pub instruction_set: Option<String>,
    /// How it must not behave.
    pub safety_instruction_set: Option<String>,
    /// Who may use it.
    pub visibility: Visibility,
    /// The account that its making is counted for.
    pub account: Option<AccountId>,
}

/// Why there is no new character. Nothing was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCreated {
    /// A field is wrong.
    #[error("{field}: {why}")]
    Wrong {
        /// Which.
        field: &'static str,
        /// What is wrong, for the caller.
        why: String,
    },
    /// It is refused for another reason.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl NotCreated {
    fn wrong(field: &'static str, why: impl Into<String>) -> Self {
        Self::Wrong { field, why: why.into() }
    }
}

/// What a character is to be called, before it is known what is free.
pub(super) struct Wish {
    name: Username,
    /// The first variant to try: a name that nobody asked for gets digits at once.
    from: u32,
}

impl Wish {
    pub(super) fn name(&self) -> Username {
        self.name.clone()
    }

    pub(super) fn of(username: Option<&str>, display_name: Option<&str>) -> Result<Self, NotCreated> {
        let asked = username.map(str::trim).filter(|name| !name.trim_start_matches('@').is_empty());
        if let Some(asked) = asked {
            let name = asked.parse::<Username>();
            let name = name.map_err(|error| NotCreated::wrong("username", error.to_string()))?;
            return Ok(Self { name, from: 0 });
        }
        Ok(match display_name.and_then(Username::like) {
            Some(name) => Self { name, from: 1 },
            None => Self { name: Username::of_words(rand::random()), from: 0 },
        })
    }
}

fn check(new: &NewCharacter) -> Result<(), NotCreated> {
    for (field, text, most) in [
        ("display_name", &new.display_name, DISPLAY_NAME_CHARS),
        ("instruction_set", &new.instruction_set, INSTRUCTION_CHARS),
        ("safety_instruction_set", &new.safety_instruction_set, INSTRUCTION_CHARS),
    ] {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(NotCreated::wrong(field, format!("it may have {most} characters at most")));
        }
    }
    Ok(())
}

impl Characters {
    /// Makes a character out of a video. Its portrait is the middle of the part that shows it.
    ///
    /// # Errors
    /// [`NotCreated`]; the video is let go.
    pub async fn create(&self, new: NewCharacter) -> Result<Character, NotCreated> {
        Ok(self.create_once(new, None).await?.0)
    }

    /// The same for a request that may be sent again; true when an earlier one made the character.
    ///
    /// # Errors
    /// [`NotCreated`]; the video is let go.
    pub async fn create_once(
        &self,
        new: NewCharacter,
        repeat: Option<&Repeat>,
    ) -> Result<(Character, bool), NotCreated> {
        if let Some(repeat) = repeat
            && let Earlier::Made(made) = self.earlier(new.owner, repeat)?
        {
            return Ok((*made, true));
        }
        check(&new)?;
        let wish = Wish::of(new.username.as_deref(), new.display_name.as_deref())?;
        let portrait = self.portray(&new.video, new.timestamps).await?;
        let size = portrait.video.size;
        let (portrait, reference) = self.keep_portrait(new.owner, portrait).await?;
        let now = self.clock.now();
        let rows = [
            row(&new.video.video(size), MediaRole::Upload, new.video.row(new.owner, None, now)),
            row(&reference, MediaRole::Shown, portrait.row(new.owner, None, now)),
        ];
        let mut rider = Batch::new();
        for media in &rows {
            rider.put_row(media.id.uuid().as_bytes(), media, Expect::Absent).map_err(Refused::internal)?;
        }
        let character = Character {
            id: CharacterId::from_uuid(Uuid::now_v7()),
            number: 0,
            owner: new.owner,
            username: wish.name.clone(),
            display_name: new.display_name.unwrap_or_default(),
            model: new.model,
            instruction_set: new.instruction_set,
            safety_instruction_set: new.safety_instruction_set,
            visibility: new.visibility,
            video: Footage { media: new.video.id, bytes: new.video.bytes },
            portrait: Some(reference),
            account: new.account,
            created_at: now,
            updated_at: now,
        };
        Ok(self.enter((character, &wish), (rider, &[&new.video, &portrait]), repeat).await?)
    }

    /// A character that is in one job and nowhere else: nothing is kept of it but its portrait, which belongs to that job.
    ///
    /// # Errors
    /// [`NotCreated`]; the video is let go.
    pub async fn guest(&self, new: NewCharacter) -> Result<(JobCharacter, Upload), NotCreated> {
        check(&new)?;
        let username = Wish::of(new.username.as_deref(), new.display_name.as_deref())?.name();
        let portrait = self.portray(&new.video, new.timestamps).await?;
        let (upload, portrait) = self.keep_portrait(new.owner, portrait).await?;
        let said = new.display_name.filter(|name| !name.trim().is_empty());
        let guest = JobCharacter {
            id: CharacterId::from_uuid(Uuid::now_v7()),
            display_name: said.unwrap_or_else(|| username.display()),
            username,
            instructions: [new.instruction_set, new.safety_instruction_set].into_iter().flatten().collect(),
            portrait,
        };
        Ok((guest, upload))
    }

    /// Writes a new character under the first variant of its name that is free; true when an earlier request made one.
    pub(super) async fn enter(
        &self,
        (mut character, wish): (Character, &Wish),
        (mut rider, uploads): (Batch, &[&Upload]),
        repeat: Option<&Repeat>,
    ) -> Result<(Character, bool), Refused> {
        let said = character.display_name.trim().to_owned();
        let _turn = self.numbering.lock().await;
        if let Some(repeat) = repeat {
            // The first of two at once has made it by now.
            match self.earlier(character.owner, repeat)? {
                Earlier::Made(made) => return Ok((*made, true)),
                Earlier::Free(expect) => self.remember(&mut rider, &character, (repeat, expect))?,
            }
        }
        character.number = self.store.sum(Table::Meta, index::NUMBERED.as_bytes())?.unsigned_abs() + 1;
        for turn in wish.from..wish.from + NAMES {
            character.username = wish.name.variant(turn, rand::random());
            character.display_name =
                if said.is_empty() { character.username.display() } else { said.clone() };
            let mut batch = Batch::new();
            let bearer = Bearer::Character(character.id);
            let written = batch
                .put_row(character.username.as_str(), &bearer, Expect::Absent)
                .and_then(|batch| batch.put_row(character.id.uuid().as_bytes(), &character, Expect::Absent));
            written.map_err(Refused::internal)?;
            batch.put(Table::Social, index::character_of(character.owner, character.id), index::THERE);
            batch.add(Table::Meta, index::NUMBERED, 1, None);
            batch.extend(rider.clone());
            match self.library.commit_naming(character.owner, batch, uploads).await {
                Ok(_) => return Ok((character, false)),
                // Somebody is called so already.
                Err(CommitError::Refused { op: 0, reason: Refusal::Exists }) => {}
                Err(CommitError::Refused { reason: Refusal::BelowFloor { .. }, .. }) => {
                    return Err(self.library.exhausted());
                }
                Err(other) => return Err(other.into()),
            }
        }
        Err(Refused::busy())
    }

    async fn portray(&self, video: &Upload, part: Timestamps) -> Result<Portrait, NotCreated> {
        let path = self.library.upload_path(video)?;
        self.portray_file(path, part).await.map_err(|error| match error {
            Unportrayed::Refused(refused) => refused.into(),
            Unportrayed::No(NoPortrait::Video(why)) => NotCreated::wrong("video", why),
            Unportrayed::No(NoPortrait::Timestamps(why)) => NotCreated::wrong("timestamps", why),
        })
    }

    pub(super) async fn portray_file(
        &self,
        path: std::path::PathBuf,
        part: Timestamps,
    ) -> Result<Portrait, Unportrayed> {
        let turn = self.turns.clone().acquire_owned().await.map_err(Refused::internal)?;
        let portraitist = self.portraitist.clone();
        let made = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            portraitist.portray(&path, part)
        });
        made.await.map_err(Refused::internal)?.map_err(Unportrayed::No)
    }

    pub(super) async fn keep_portrait(
        &self,
        owner: KeyId,
        portrait: Portrait,
    ) -> Result<(Upload, Reference), Refused> {
        let mut receiving = self.library.receive(owner).await?;
        receiving.write(portrait.bytes.into()).await?;
        let upload = receiving.finish().await?;
        let reference = upload.reference().map_err(Refused::internal)?;
        Ok((upload, reference))
    }
}

/// Why a kept video gave no portrait.
pub(super) enum Unportrayed {
    No(NoPortrait),
    Refused(Refused),
}

impl From<Refused> for Unportrayed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// The row of a file of a character.
pub(super) fn row(file: &Reference, role: MediaRole, row: Media) -> Media {
    Media { role, mime: file.mime.clone(), width: file.size.width, height: file.size.height, ..row }
}
