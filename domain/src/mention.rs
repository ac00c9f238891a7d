//! Who a prompt speaks of: `@username` and `<@ch_…>`. What names nobody is plain text.

use crate::{
    ids::{CameoId, CharacterId},
    username::{self, Username},
};
use std::ops::Range;

/// The most mentions that are looked at in one prompt.
const MOST: usize = 64;

/// How a prompt names somebody.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    /// By username.
    Username(Username),
    /// By id.
    Id(CharacterId),
}

/// One mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Where it stands, in bytes.
    pub place: Range<usize>,
    /// Who is meant.
    pub named: Named,
}

/// Everybody that a prompt may speak of, in the order of the text.
pub fn mentions(prompt: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = prompt.get(from..).and_then(|rest| rest.find('@')).map(|at| from + at) {
        from = at + 1;
        if let Some(mention) = by_id(prompt, at).or_else(|| by_username(prompt, at)) {
            from = mention.place.end;
            found.push(mention);
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}

/// `<@ch_…>` around the `@` at `at`.
fn by_id(prompt: &str, at: usize) -> Option<Mention> {
    let start = at.checked_sub(1).filter(|start| prompt.as_bytes()[*start] == b'<')?;
    let rest = &prompt[at + 1..];
    let (id, _) = rest.split_once('>')?;
    let cameo: CameoId = id.parse().ok()?;
    let named = Named::Id(CharacterId::from_uuid(cameo.uuid()));
    Some(Mention { place: start..at + 1 + id.len() + 1, named })
}

/// `@username` from the `@` at `at`. An address such as `mia@example.org` mentions nobody.
fn by_username(prompt: &str, at: usize) -> Option<Mention> {
    if prompt[..at].chars().next_back().is_some_and(|before| username::is_letter(before) || before == '@') {
        return None;
    }
    let rest = &prompt[at + 1..];
    let end = rest.find(|letter| !username::is_letter(letter)).unwrap_or(rest.len());
    // A full stop that ends a sentence is not part of the name.
    let written = rest[..end].trim_end_matches('.');
    let username = written.parse().ok()?;
    Some(Mention { place: at..at + 1 + written.len(), named: Named::Username(username) })
}

/// The prompt with those mentions written as `name` says; the others stay as they are.
pub fn rewritten(prompt: &str, name: impl Fn(&Named) -> Option<String>) -> String {
    let (mut text, mut from) = (String::with_capacity(prompt.len()), 0);
    for mention in mentions(prompt) {
        let Some(name) = name(&mention.named) else { continue };
        text.push_str(&prompt[from..mention.place.start]);
        text.push_str(&name);
        from = mention.place.end;
    }
    text.push_str(&prompt[from..]);
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "0199abcd000070008000000000000001";

    fn read(prompt: &str) -> Vec<String> {
        let shown = |mention: Mention| match mention.named {
            Named::Username(name) => name.to_string(),
            Named::Id(id) => id.to_string(),
        };
        mentions(prompt).into_iter().map(shown).collect()
    }

    #[test]
    fn whoever_is_mentioned_is_found_as_people_write_it() {
        let id = format!("char_{HEX}");
        for (prompt, expected) in [
            ("@mia dances", vec!["mia"]),
            ("with @Mia68, @owner.mia and @x_y_z.", vec!["mia68", "owner.mia", "x_y_z"]),
            ("让@mia在跳舞", vec!["mia"]),
            (&format!("<@ch_{HEX}> and (@mia)"), vec![id.as_str(), "mia"]),
            ("mia@example.org, @@mia, @ab, a@, @", vec![]),
            ("<@ch_short> <@mia>", vec!["ch_short", "mia"]),
            ("<@ch_", vec!["ch_"]),
            ("no one", vec![]),
        ] {
            assert_eq!(read(prompt), expected, "{prompt}");
        }
        assert_eq!(read(&"@mia ".repeat(100)).len(), MOST);
    }

    #[test]
    fn only_those_who_are_known_are_called_by_another_name() {
        let known = |named: &Named| matches!(named, Named::Id(_)).then(|| "@mia".to_owned());
        let prompt = format!("<@ch_{HEX}>, @leo and <@ch_x>");
        assert_eq!(rewritten(&prompt, known), "@mia, @leo and <@ch_x>");
    }

    proptest! {
        #[test]
        fn no_prompt_breaks_it_and_each_mention_stands_where_it_says(prompt in "[@<>a-c_.é鱼 ]{0,80}|.{0,80}") {
            for mention in mentions(&prompt) {
                prop_assert!(prompt[mention.place.clone()].contains('@'));
            }
            prop_assert_eq!(rewritten(&prompt, |_| None), prompt);
        }
    }
}
