//! What pictures must be, one by one and together: pure, over what they say about themselves.

use crate::problem::Problem;
use atelier_actors::media_library::{Look, Upload};
use atelier_domain::reference::{MAX_REFERENCE_PIXELS, MAX_REFERENCE_SIDE, Reference};

/// The picture as a job names it. `field` is where it stood and `number` which of several it is, from 1.
pub fn picture(upload: &Upload, field: &str, number: Option<usize>) -> Result<Reference, Problem> {
    let about = |why: &str| match number {
        Some(number) => Problem::field(field, format!("{field}, picture {number}: {why}")),
        None => Problem::field(field, format!("{field}: {why}")),
    };
    let reference = upload.reference().map_err(&about)?;
    let (size, most) = (reference.size, MAX_REFERENCE_PIXELS);
    if size.pixels() > most {
        let megapixels = |pixels: u64| pixels / 1_000_000;
        let why = format!(
            "it has {size} pixels, {} megapixels, and {} are the most",
            megapixels(size.pixels()),
            megapixels(most)
        );
        return Err(about(&why));
    }
    if size.long_side() > MAX_REFERENCE_SIDE || size.pixels() == 0 {
        return Err(about(&format!(
            "its sides must have 1 to {MAX_REFERENCE_SIDE} pixels, and it is {size}"
        )));
    }
    Ok(reference)
}

/// A mask or markup lies over the first picture: the same size, and transparent where it says nothing.
pub fn overlay(look: &Result<Look, String>, first: &Reference, field: &str) -> Result<(), Problem> {
    let Ok(look) = look else { return Ok(()) };
    if look.size != first.size {
        return Err(Problem::field(
            field,
            format!(
                "{field} is {} and the first picture is {}: they must have the same size",
                look.size, first.size
            ),
        ));
    }
    if !look.has_alpha {
        let message =
            format!("{field} has no alpha channel: send a png or webp whose transparent pixels say where");
        return Err(Problem::field(field, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use atelier_domain::{ids::MediaId, size::Size};
    use uuid::Uuid;

    #[test]
    fn an_overlay_fits_its_picture_and_can_be_seen_through() {
        let first = Reference {
            media: MediaId::from_uuid(Uuid::from_u128(1)),
            mime: "image/jpeg".into(),
            bytes: 1,
            size: Size::new(20, 30),
        };
        let look = |width, height, has_alpha| {
            Ok(Look { mime: "image/png", size: Size::new(width, height), has_alpha })
        };
        overlay(&look(20, 30, true), &first, "mask").unwrap();
        for wrong in [look(30, 20, true), look(20, 30, false)] {
            assert_eq!(overlay(&wrong, &first, "mask").unwrap_err().word(), "bad_mask");
        }
        assert_eq!(overlay(&look(1, 1, true), &first, "markup").unwrap_err().word(), "bad_markup");
    }
}
