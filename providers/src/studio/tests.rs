//! The whole engine as its callers see it: files that other decoders read, pictures that stay the same, time and faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod engine;
mod files;
mod pictures;

use super::{Detail, Drawing, FontBook};

pub(super) fn drawing(prompt: &str, width: u32, height: u32) -> Drawing {
    Drawing {
        prompt: prompt.into(),
        negative_prompt: None,
        model: "gpt-image-2".into(),
        style: None,
        seed: None,
        index: 0,
        width,
        height,
        detail: Detail::Medium,
        density: 2,
        transparent: false,
    }
}

fn fonts() -> FontBook {
    FontBook::new(Vec::new()).unwrap()
}
