//! Styles: named looks, which a prompt may ask for as `{anime}` (api.md §5, §10).

/// The names that clients know. Others are passed on as they are: an engine may know more.
pub const STYLES: [&str; 11] = [
    "festive",
    "kakalaka",
    "news",
    "selfie",
    "handheld",
    "golden",
    "anime",
    "retro",
    "nostalgic",
    "vintage",
    "comic",
];

/// The first style that a prompt asks for, and the prompt without all that do. Braces around anything else are part of it.
pub fn read(prompt: &str) -> (Option<&'static str>, String) {
    let (mut style, mut text, mut rest) = (None, String::with_capacity(prompt.len()), prompt);
    while let Some((before, tail)) = rest.split_once('{') {
        text.push_str(before);
        match tail.split_once('}').and_then(|(word, after)| Some((named(word)?, after))) {
            Some((name, after)) => {
                style = style.or(Some(name));
                rest = closed(&text, after);
            }
            None => {
                text.push('{');
                rest = tail;
            }
        }
    }
    text.push_str(rest);
    match style {
        Some(_) => (style, text.trim().to_owned()),
        None => (None, text),
    }
}

fn named(word: &str) -> Option<&'static str> {
    STYLES.into_iter().find(|style| style.eq_ignore_ascii_case(word.trim()))
}

/// What follows something that was taken out: of the spaces on its two sides, one side's are enough.
pub(crate) fn closed<'a>(before: &str, after: &'a str) -> &'a str {
    if before.is_empty() || before.ends_with(char::is_whitespace) {
        after.trim_start_matches(' ')
    } else {
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_style_in_braces_is_taken_out_and_the_first_counts() {
        for (prompt, style, text) in [
            ("{anime} a cat", Some("anime"), "a cat"),
            ("a cat {Retro}", Some("retro"), "a cat"),
            ("a cat { GOLDEN } on a wall", Some("golden"), "a cat on a wall"),
            ("{news}{comic}一只猫", Some("news"), "一只猫"),
            ("[5s]a {selfie} cat [5s]it lands", Some("selfie"), "[5s]a cat [5s]it lands"),
            ("{{anime}}", Some("anime"), "{}"),
            ("{anime}", Some("anime"), ""),
        ] {
            assert_eq!(read(prompt), (style, text.to_owned()), "{prompt}");
        }
    }

    #[test]
    fn braces_around_anything_else_stay() {
        for prompt in [
            "a cat",
            "{cubist} a cat",
            "a {\"json\": 1} on a screen",
            "{anime a cat",
            "anime} a cat",
            "",
            "  two  spaces ",
        ] {
            assert_eq!(read(prompt), (None, prompt.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn no_prompt_breaks_it_and_nothing_but_styles_is_lost(prompt in "[a{} \u{4e00}]{0,12}(\\{anime\\})?[a{} \u{4e00}]{0,12}") {
            let (style, text) = read(&prompt);
            let letters = |text: &str| text.matches(['a', '\u{4e00}']).count();
            let lost = if style.is_some() { "anime".matches('a').count() } else { 0 };
            prop_assert_eq!(letters(&text) + lost, letters(&prompt));
        }
    }
}
