//! What a video is to be a remix of, as clients write it: a share link or `s_<32 hex>` in the prompt or in a field, or an id of one of
//! the key's own videos in any of its forms (api.md §4, §5).

use crate::{
    ids::{JobId, TaskId, VideoId},
    style::closed,
};
use uuid::Uuid;

/// What stands before the digits of a share id.
const SHARED: &str = "s_";

/// How many digits an id has.
const DIGITS: usize = 32;

/// The longest address of a share link, in bytes.
const LONGEST_LINK: usize = 500;

/// A video that is named: every form of its id has the UUID of the job that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target(Uuid);

impl Target {
    /// The video that a field names: an id in any of its forms, or a link that ends with one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let path = text.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        let id = if is_link(text) { path.rsplit('/').next()? } else { text };
        let shared = || shared_at(id, 0).filter(|_| id.len() == SHARED.len() + DIGITS);
        let video = || id.parse::<VideoId>().ok().map(VideoId::uuid);
        let job = || id.parse::<JobId>().ok().map(JobId::uuid);
        let task = || id.parse::<TaskId>().ok().map(TaskId::uuid);
        shared().or_else(video).or_else(job).or_else(task).map(Self)
    }

    /// The UUID that all forms share.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The job that made it, if it was made here.
    pub const fn job(self) -> JobId {
        JobId::from_uuid(self.0)
    }
}

/// The first share link or share id of a prompt, and the prompt without it.
pub fn read(prompt: &str) -> Option<(Target, String)> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut starts = prompt.match_indices(SHARED).map(|(at, _)| at);
    let (at, uuid) = starts.find_map(|at| {
        let alone = !prompt[..at].ends_with(is_letter)
            && !prompt[at..].get(SHARED.len() + DIGITS..).is_some_and(|rest| rest.starts_with(is_letter));
        Some((at, shared_at(prompt, at).filter(|_| alone)?))
    })?;
    let start = link_before(prompt, at).unwrap_or(at);
    let end = at + SHARED.len() + DIGITS;
    let tail = if start < at { link_rest(&prompt[end..]) } else { 0 };
    let mut text = prompt[..start].to_owned();
    let rest = closed(&text, &prompt[end + tail..]);
    text.push_str(rest);
    Some((Target(uuid), text.trim().to_owned()))
}

fn is_link(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// The share id at a place of a text.
fn shared_at(text: &str, at: usize) -> Option<Uuid> {
    let digits = text.get(at..)?.strip_prefix(SHARED)?.get(..DIGITS)?;
    let is_plain = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    Uuid::try_parse(digits).ok().filter(|_| is_plain)
}

const fn stands_in_links(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`')
}

/// Where the link begins that an id at this place ends.
fn link_before(prompt: &str, at: usize) -> Option<usize> {
    let head = &prompt.as_bytes()[..at];
    let length = head.iter().rev().take(LONGEST_LINK).take_while(|byte| stands_in_links(**byte)).count();
    let head = &prompt[at - length..at];
    let begin = head.rfind("https://").or_else(|| head.rfind("http://"))?;
    head.ends_with('/').then_some(at - length + begin)
}

/// How many bytes of what follows an id are its link's query or fragment.
fn link_rest(rest: &str) -> usize {
    if !rest.starts_with(['?', '#', '/']) {
        return 0;
    }
    rest.bytes().take(LONGEST_LINK).take_while(|byte| stands_in_links(*byte)).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "s_68e3a06dcd888191b150971da152c1f5";
    const HEX: &str = "68e3a06dcd888191b150971da152c1f5";

    fn target() -> Target {
        Target(Uuid::try_parse(HEX).unwrap())
    }

    #[test]
    fn a_link_or_an_id_is_taken_out_of_the_prompt() {
        for (prompt, left) in [
            (format!("https://sora.chatgpt.com/p/{ID} make it snow"), "make it snow"),
            (format!("make it snow {ID}"), "make it snow"),
            (format!("make https://sora.chatgpt.com/p/{ID}?psh=abc%20d#x it snow"), "make it snow"),
            (format!("http://127.0.0.1:8000/p/{ID}/ make it snow"), "make it snow"),
            (format!("改成水墨画风格https://sora.chatgpt.com/p/{ID}好吗"), "改成水墨画风格好吗"),
            (format!("[5s]snow [5s]{ID} rain"), "[5s]snow [5s] rain"),
            (format!("{ID}."), "."),
            (ID.to_owned(), ""),
            (format!("https://a.example/{ID}\nmake it snow"), "make it snow"),
        ] {
            assert_eq!(read(&prompt), Some((target(), left.to_owned())), "{prompt}");
        }
    }

    #[test]
    fn what_only_looks_like_an_id_stays_in_the_prompt() {
        for prompt in [
            "a cat".to_owned(),
            "s_".to_owned(),
            format!("x{ID}"),
            format!("{ID}0"),
            format!("{ID}_"),
            ID.to_uppercase(),
            ID[..ID.len() - 1].to_owned(),
            "s_漢漢漢漢漢漢漢漢漢漢漢".to_owned(),
        ] {
            assert_eq!(read(&prompt), None, "{prompt}");
        }
    }

    #[test]
    fn a_field_takes_every_form_of_an_id_and_nothing_else() {
        for text in [
            ID.to_owned(),
            format!(" {ID} "),
            format!("video_{HEX}"),
            format!("job_{HEX}"),
            format!("task_{HEX}"),
            format!("https://sora.chatgpt.com/p/{ID}?x=1"),
            format!("http://a.example/v1/videos/video_{HEX}/"),
        ] {
            assert_eq!(Target::parse(&text), Some(target()), "{text}");
        }
        for text in ["", "s_", HEX, "sora-2-abc123def456", "https://", &format!("{ID}1"), &format!("a {ID}")]
        {
            assert_eq!(Target::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_prompt_breaks_it_and_an_id_is_found_wherever_it_stands(before in ".{0,40}", after in ".{0,40}") {
            let _ = (read(&before), Target::parse(&before));
            let prompt = format!("{before} {ID} {after}");
            let (found, left) = read(&prompt).unwrap();
            prop_assert!(read(&before).is_some() || found == target());
            prop_assert!(left.chars().count() < prompt.chars().count());
        }
    }
}
