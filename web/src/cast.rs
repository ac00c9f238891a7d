//! The characters that a prompt speaks of, brought into the job that is to show them: each with a portrait of the job's own, so that
//! a character may be changed or deleted while the job waits.

use crate::{gateway::Gateway, problem::Problem};
use atelier_actors::{account_pool::Wants, media_library::Upload};
use atelier_domain::{
    character::{Character, MAX_CHARACTERS},
    ids::KeyId,
    image::ReferenceUsage,
    job::{ImageJob, JobCharacter, JobKind, Prompt, Route, VideoJob},
    reference::{MAX_REFERENCES, References},
};
use std::sync::Arc;

/// Brings the cast of a video in. What its files take belongs to the job once it is accepted.
///
/// # Errors
/// When the prompt speaks of too many characters, or the key has no room for their portraits.
pub async fn of_video(
    gateway: &Gateway,
    key: KeyId,
    video: &mut VideoJob,
) -> Result<Vec<Arc<Upload>>, Problem> {
    let mut uploads = Vec::new();
    for character in spoken_of(gateway, key, &video.prompt)? {
        let upload = gateway.characters.portrait(key, &character).await?;
        let portrait = upload.reference().map_err(|why| Problem::field("prompt", why))?;
        let instructions = [character.instruction_set, character.safety_instruction_set];
        video.cast.push(JobCharacter {
            id: character.id,
            username: character.username,
            display_name: character.display_name,
            instructions: instructions.into_iter().flatten().collect(),
            portrait,
        });
        uploads.push(Arc::new(upload));
    }
    Ok(uploads)
}

/// Lays the portraits of the characters that a picture is to show beside its references, as far as an engine takes them; the routes
/// whose engine does not are left out. Where none does, the prompt stays plain text.
///
/// # Errors
/// As [`of_video`].
pub async fn of_image(
    gateway: &Gateway,
    key: KeyId,
    image: &mut ImageJob,
    routes: &mut Vec<Route>,
) -> Result<Vec<Arc<Upload>>, Problem> {
    let cast = spoken_of(gateway, key, &image.prompt)?;
    let given = image.references.as_ref().map_or(0, |references| references.images.len());
    let wanted = given + cast.len();
    if cast.is_empty() || wanted > MAX_REFERENCES {
        return Ok(Vec::new());
    }
    let mask = image.references.as_ref().is_some_and(|references| references.mask.is_some());
    let wants = Wants { references: wanted, mask, ..Wants::default() };
    let able = gateway.pool.offers(Some(JobKind::Image), routes).able(&wants);
    if able.is_empty() {
        return Ok(Vec::new());
    }
    *routes = able;
    let mut uploads = Vec::new();
    for character in cast {
        let upload = gateway.characters.portrait(key, &character).await?;
        let portrait = upload.reference().map_err(|why| Problem::field("prompt", why))?;
        let references = image.references.get_or_insert_with(|| {
            let (images, usage) = (Vec::new(), ReferenceUsage::Subject);
            Box::new(References { images, mask: None, markup: None, usage, fidelity: None })
        });
        references.images.push(portrait);
        uploads.push(Arc::new(upload));
    }
    Ok(uploads)
}

fn spoken_of(gateway: &Gateway, key: KeyId, prompt: &Prompt) -> Result<Vec<Character>, Problem> {
    let characters = gateway.characters.mentioned(key, prompt.text.as_deref().unwrap_or_default())?;
    if characters.len() > MAX_CHARACTERS {
        let message =
            format!("prompt speaks of {} characters, and {MAX_CHARACTERS} are the most", characters.len());
        return Err(Problem::field("prompt", message));
    }
    Ok(characters)
}
