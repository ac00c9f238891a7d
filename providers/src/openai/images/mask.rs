//! The form of an edit: its texts, its pictures as they lie on the disk, and its mask as the upstream reads masks.

use super::{
    super::dialect::{Dialect, Mask},
    request::Request,
};
use crate::{
    desk::Desk,
    outbound::{FileLabel, Form, FormError},
    picture,
};
use atelier_domain::{
    fault::{Fault, FaultClass},
    media,
    reference::{Picture, References},
};

/// Builds the form. Files are read when it is sent.
///
/// # Errors
/// When a picture is not there, or a mask is none.
pub(super) async fn form(
    request: &Request,
    references: &References<Picture>,
    dialect: &Dialect,
    desk: &Desk,
) -> Result<Form, Fault> {
    let mut form = Form::new();
    for (name, text) in request.texts() {
        form.text(name, &text);
    }
    for (number, picture) in references.images.iter().enumerate() {
        let name = format!("image-{number}.{}", media::extension(&picture.mime));
        let label = FileLabel { field: "image[]", name: &name, mime: &picture.mime };
        form.file(label, &picture.path).await.map_err(gone)?;
    }
    if let Some(mask) = &references.mask {
        let label = FileLabel { field: "mask", name: "mask.png", mime: "image/png" };
        match dialect.images.mask {
            Mask::None => {}
            Mask::Alpha => {
                form.file(FileLabel { mime: &mask.mime, ..label }, &mask.path).await.map_err(gone)?
            }
            Mask::White => form.bytes(label, white(mask, desk).await?),
        }
    }
    if let Some(markup) = &references.markup {
        let name = format!("markup.{}", media::extension(&markup.mime));
        let label = FileLabel { field: "markup", name: &name, mime: &markup.mime };
        form.file(label, &markup.path).await.map_err(gone)?;
    }
    Ok(form)
}

async fn white(mask: &Picture, desk: &Desk) -> Result<Vec<u8>, Fault> {
    let path = mask.path.clone();
    let white = desk.work(move || {
        let bytes = std::fs::read(path).map_err(|error| gone(error.into()))?;
        picture::white_mask(&bytes).map_err(|error| {
            Fault::new(FaultClass::Invalid, "the mask cannot be read: send a PNG")
                .with_context(error.to_string())
        })
    });
    white.await?
}

/// A reference went away while its job was open: our own doing.
fn gone(error: FormError) -> Fault {
    let message = "a picture of the request is not there any more; nothing was charged";
    Fault::new(FaultClass::Internal, message).with_context(error.to_string())
}
