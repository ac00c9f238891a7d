//! The characters of a video, as its engine is given them.

use super::drive::{Drive, Stopped};
use atelier_domain::{
    character::CastMember,
    job::{JobCharacter, VideoJob},
    mention::{self, Named},
};

impl Drive {
    /// Whom the video shows.
    pub(super) fn cast(&self, video: &VideoJob) -> Result<Vec<CastMember>, Stopped> {
        let member = |character: &JobCharacter| {
            Ok(CastMember {
                username: character.username.clone(),
                display_name: character.display_name.clone(),
                instructions: character.instructions.clone(),
                portrait: self.picture(&character.portrait)?,
            })
        };
        video.cast.iter().map(member).collect()
    }
}

/// The prompt with those whom it names by id called by their names: an engine knows no ids of ours.
pub(super) fn spoken(prompt: &str, cast: &[JobCharacter]) -> String {
    mention::rewritten(prompt, |named| match named {
        Named::Id(id) => {
            cast.iter().find(|character| character.id == *id).map(|one| format!("@{}", one.username))
        }
        Named::Username(_) => None,
    })
}
