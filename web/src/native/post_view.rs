//! Posts and their authors as older clients read them (`seeds`, S §6).

use crate::{dates, gateway::Gateway, native::characters::picture, problem::Problem};
use atelier_domain::{
    character::Character,
    ids::KeyId,
    job::JobKind,
    post::{Attachment, Post},
    profile::UserId,
    username::Username,
};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// How older clients count the length of a video.
const FRAMES_A_SECOND: u32 = 30;

/// Who published something, or is found by a name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProfileView {
    /// Its public id.
    #[schema(value_type = String, example = "user-00000001NpQ3v8LmTzK4bWcY")]
    pub user_id: UserId,
    /// Its name in links and prompts.
    pub username: String,
    /// Its name for people.
    pub display_name: String,
    /// What it looks like: a link that lasts an hour. Owners of keys have none.
    pub profile_picture_url: Option<String>,
    /// Always 0: nobody follows anybody here.
    pub follower_count: u64,
    /// Always false.
    pub verified: bool,
}

impl ProfileView {
    /// The owner of a key.
    pub fn of_key(key: KeyId, username: &Username) -> Self {
        Self {
            user_id: UserId::from_uuid(key.uuid()),
            username: username.to_string(),
            display_name: username.display(),
            profile_picture_url: None,
            follower_count: 0,
            verified: false,
        }
    }

    /// A character.
    pub fn of_character(gateway: &Gateway, origin: &str, character: &Character) -> Self {
        Self {
            user_id: UserId::from_uuid(character.id.uuid()),
            username: character.username.to_string(),
            display_name: character.display_name.clone(),
            profile_picture_url: picture(gateway, origin, character),
            follower_count: 0,
            verified: false,
        }
    }
}

/// The authors of what one answer shows, each looked up once.
pub struct Authors<'a> {
    gateway: &'a Gateway,
    origin: &'a str,
    known: HashMap<KeyId, ProfileView>,
}

impl<'a> Authors<'a> {
    /// Nobody yet.
    pub fn new(gateway: &'a Gateway, origin: &'a str) -> Self {
        Self { gateway, origin, known: HashMap::new() }
    }

    /// The profile of a key's owner.
    ///
    /// # Errors
    /// When it cannot be read or, the first time, written.
    pub async fn of(&mut self, key: KeyId) -> Result<ProfileView, Problem> {
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let profile = ProfileView::of_key(key, &self.gateway.profiles.username(key).await?);
        self.known.insert(key, profile.clone());
        Ok(profile)
    }
}

/// A file of a post.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttachmentView {
    /// `video` or `image`.
    kind: &'static str,
    /// A link to it that lasts an hour.
    url: String,
    /// The same.
    downloadable_url: String,
    /// Pixels across.
    width: u32,
    /// Pixels down.
    height: u32,
    /// How long a video lasts, in thirtieths of a second; 1 for a picture.
    n_frames: u32,
    /// How long a video lasts, in seconds; 0 for a picture.
    duration_seconds: f64,
    /// A link to a small still of it.
    thumbnail_url: String,
}

impl AttachmentView {
    fn of(gateway: &Gateway, origin: &str, (post, attachment): (&Post, &Attachment)) -> Self {
        let url = gateway.links.sign(origin, attachment.file.media, &attachment.file.mime);
        let still = attachment.thumbnail.as_ref().unwrap_or(&attachment.file);
        Self {
            kind: post.kind.word(),
            downloadable_url: url.clone(),
            url,
            width: attachment.file.size.width,
            height: attachment.file.size.height,
            n_frames: if post.kind == JobKind::Video { post.seconds * FRAMES_A_SECOND } else { 1 },
            duration_seconds: f64::from(post.seconds),
            thumbnail_url: gateway.links.sign(origin, still.media, &still.mime),
        }
    }
}

/// A post.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostView {
    /// Its id, to be remixed by.
    #[schema(example = "s_0199abcd000070008000000000000001")]
    id: String,
    /// Always `post`.
    object: &'static str,
    /// What its author says about it.
    text: String,
    /// The link to share.
    permalink: String,
    /// A link to a small still of it.
    preview_image_url: Option<String>,
    /// Since when it is there, in ISO 8601.
    #[schema(example = "2026-01-01T00:00:00Z")]
    posted_at: String,
    /// Keys that like it.
    like_count: u64,
    /// Keys that looked at it.
    view_count: u64,
    /// Posts that derive from it.
    remix_count: u64,
    /// Whether this key likes it.
    user_liked: bool,
    /// Whether it is this key's.
    is_owner: bool,
    /// The model that made it.
    model: String,
    /// What it was made over, if that was published.
    parent_post_id: Option<String>,
    /// What that goes back to in the end.
    root_post_id: Option<String>,
    /// Its first file.
    attachment: Option<AttachmentView>,
    /// All of its files.
    attachments: Vec<AttachmentView>,
    /// Who published it.
    author: ProfileView,
}

impl PostView {
    /// A post as this key sees it; none is somebody without a key.
    ///
    /// # Errors
    /// When its author cannot be read.
    pub async fn of(authors: &mut Authors<'_>, post: &Post, key: Option<KeyId>) -> Result<Self, Problem> {
        let author = authors.of(post.owner).await?;
        let (gateway, origin) = (authors.gateway, authors.origin);
        let view = |attachment: &Attachment| AttachmentView::of(gateway, origin, (post, attachment));
        let attachment = post.attachments.first().map(view);
        let user_liked = key.map_or(Ok(false), |key| gateway.gallery.is_liked(post, key))?;
        Ok(Self {
            id: post.id.to_string(),
            object: "post",
            text: post.text.clone(),
            permalink: gateway.links.share(origin, post.id),
            preview_image_url: attachment.as_ref().map(|first| first.thumbnail_url.clone()),
            posted_at: dates::iso(post.posted_at),
            like_count: post.reception.likes,
            view_count: post.reception.views,
            remix_count: post.reception.remixes,
            user_liked,
            is_owner: key == Some(post.owner),
            model: post.model.clone(),
            parent_post_id: post.descent.map(|descent| descent.parent.to_string()),
            root_post_id: post.descent.map(|descent| descent.root.to_string()),
            attachment,
            attachments: post.attachments.iter().map(view).collect(),
            author,
        })
    }

    /// The link to its first file and its small still, and whether it is a video.
    pub fn shown(&self) -> Option<(&str, &str, bool)> {
        let first = self.attachment.as_ref()?;
        Some((&first.url, &first.thumbnail_url, first.kind == JobKind::Video.word()))
    }

    /// What its author says about it, and who that is.
    pub fn said(&self) -> (&str, &str) {
        (&self.text, &self.author.display_name)
    }

    /// The link to share.
    pub fn permalink(&self) -> &str {
        &self.permalink
    }
}
