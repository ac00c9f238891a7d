//! The whole engine as its callers see it: files that other decoders read, pictures that stay the same, time and faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod album;
mod budget;
mod engine;
mod files;
mod inputs;
mod masks;
mod pictures;
mod usages;

use super::{Detail, Drawing, FileFormat, FontBook};

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
        edit: None,
    }
}

fn fonts() -> FontBook {
    FontBook::new(Vec::new()).unwrap()
}
