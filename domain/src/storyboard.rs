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

    proptest! {
        #[test]
        fn no_prompt_breaks_it(prompt in ".{0,200}") {
            prop_assert!(shots(&prompt).len() <= MOST);
        }
    }
}
