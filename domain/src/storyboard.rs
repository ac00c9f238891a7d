//! Storyboards: shots written into a prompt as `[5.0s]text [5s]text`, on one line or on many (api.md §4).

use crate::video::Shot;

/// The most shots of one prompt.
const MOST: usize = 64;

/// The shots that a prompt tells; none when it tells none. What stands before the first is not part of any.
pub fn shots(prompt: &str) -> Vec<Shot> {
    let mut shots: Vec<Shot> = Vec::new();
    let mut rest = prompt;
    while let Some((before, tail)) = rest.split_once('[') {
        match tail.split_once(']').and_then(|(tag, after)| Some((length(tag)?, after))) {
            Some((seconds, after)) => {
                close(&mut shots, before);
                if shots.len() == MOST {
                    return shots;
                }
                shots.push(Shot { seconds, prompt: String::new() });
                rest = after;
            }
            None => {
                close(&mut shots, before);
                close(&mut shots, "[");
                rest = tail;
            }
        }
    }
    close(&mut shots, rest);
    shots.iter_mut().for_each(|shot| shot.prompt = shot.prompt.trim().to_owned());
    shots.retain(|shot| !shot.prompt.is_empty());
    shots
}

/// Shots that fit into so many seconds: those that together last longer are all shortened alike, so that each is seen.
#[must_use]
pub fn fitted(mut shots: Vec<Shot>, seconds: u32) -> Vec<Shot> {
    let (told, seconds) = (shots.iter().map(|shot| shot.seconds).sum::<f32>(), seconds as f32);
    if told > seconds {
        shots.iter_mut().for_each(|shot| shot.seconds *= seconds / told);
    }
    shots
}

/// What a prompt says before its first shot, which is about all of them.
pub fn about_all(prompt: &str) -> &str {
    let mut rest = prompt;
    while let Some((before, tail)) = rest.split_once('[') {
        if tail.split_once(']').is_some_and(|(tag, _)| length(tag).is_some()) {
            return prompt[..prompt.len() - rest.len() + before.len()].trim();
        }
        rest = tail;
    }
    ""
}

fn close(shots: &mut [Shot], text: &str) {
    if let Some(shot) = shots.last_mut() {
        shot.prompt.push_str(text);
    }
}

/// The seconds of a tag such as `5.0s`.
fn length(tag: &str) -> Option<f32> {
    let seconds: f32 = tag.trim().strip_suffix(['s', 'S'])?.trim().parse().ok()?;
    (seconds.is_finite() && seconds > 0.0 && seconds <= 3600.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(prompt: &str) -> Vec<(f32, String)> {
        shots(prompt).into_iter().map(|shot| (shot.seconds, shot.prompt)).collect()
    }

    #[test]
    fn shots_are_read_from_one_line_and_from_many() {
        let expected = vec![(5.0, "a cat jumps".to_owned()), (2.5, "it lands".to_owned())];
        assert_eq!(read("[5.0s]a cat jumps [2.5s]it lands"), expected);
        assert_eq!(read("[5.0s]a cat jumps\n[2.5s] it lands\n"), expected);
        assert_eq!(read("[ 5s ]a cat jumps[2.5S]it lands"), expected);
    }

    #[test]
    fn what_is_no_storyboard_stays_a_prompt() {
        for prompt in ["a cat", "[wide] a cat", "[5]a cat", "a [cat", "[-1s]x", "[0s]x", "[NaNs]x", ""] {
            assert_eq!(read(prompt), [], "{prompt}");
        }
        assert_eq!(read("[5s]a [wide] shot"), [(5.0, "a [wide] shot".to_owned())]);
    }

    #[test]
    fn a_tag_without_a_text_is_none_and_what_comes_first_is_about_all() {
        assert_eq!(read("[5s][10s]b"), [(10.0, "b".to_owned())]);
        assert_eq!(read("in ink [2s]a"), [(2.0, "a".to_owned())]);
        for (prompt, about) in [
            ("in ink [wide] [2s]a [3s]b", "in ink [wide]"),
            ("[2s]a", ""),
            ("a [cat", ""),
            ("水墨 [ 2S ]a", "水墨"),
        ] {
            assert_eq!(about_all(prompt), about, "{prompt}");
        }
    }

    #[test]
    fn shots_that_last_too_long_are_shortened_alike() {
        let lengths = |prompt, seconds| {
            fitted(shots(prompt), seconds).into_iter().map(|shot| shot.seconds).collect::<Vec<_>>()
        };
        let prompt = "[5.0s]a [5.0s]b [10.0s]c";
        assert_eq!(lengths(prompt, 10), [2.5, 2.5, 5.0]);
        assert_eq!(lengths(prompt, 25), [5.0, 5.0, 10.0]);
        assert_eq!(lengths("a", 4), [] as [f32; 0]);
    }

    proptest! {
        #[test]
        fn no_prompt_breaks_it(prompt in "(.|\\[[0-9.]{0,4}s\\]){0,80}", seconds in 1u32..30) {
            let shots = fitted(shots(&prompt), seconds);
            prop_assert!(shots.len() <= MOST);
            let told: f32 = shots.iter().map(|shot| shot.seconds).sum();
            prop_assert!(told <= seconds as f32 * 1.001);
            prop_assert!(prompt.contains(about_all(&prompt)));
        }
    }
}
