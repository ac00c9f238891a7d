//! What may be repeated of an upstream's words: no key, no address, no account. Clients read it, and logs keep it.

use atelier_domain::account::AccountSecrets;
use std::net::{IpAddr, SocketAddr};

/// The longest text that is taken over, in characters.
const LONGEST: usize = 300;
/// Beginnings of words that name an account or open one.
const NAMING: &[&str] = &[
    "sk-", "sess-", "org-", "proj_", "proj-", "user-", "eyJ", "AIza", "Bearer", "req_", "asst_", "file-",
    "key-",
];
/// An unbroken word of letters and digits this long is a key or an id.
const LONG_WORD: usize = 28;
/// What stands for what was left out.
const LEFT_OUT: &str = "…";
const AROUND: &[char] =
    &['"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', ':', '.', '!', '?', '*', '='];

/// The text without what must not be seen, on one line, shortened.
pub(crate) fn excerpt(text: &str, secrets: &AccountSecrets) -> String {
    let mut text = text.to_owned();
    for (_, secret) in secrets.each() {
        // A shorter one is no secret, and would leave holes in ordinary words.
        if secret.expose().len() >= 6 {
            text = text.replace(secret.expose(), LEFT_OUT);
        }
    }
    let mut kept = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let word = if tells(word) { LEFT_OUT } else { word };
        length += word.chars().count() + 1;
        if length > LONGEST {
            kept.push_str(LEFT_OUT);
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    kept
}

/// Whether a word tells where or who the upstream is.
fn tells(word: &str) -> bool {
    word.split(['=', '"', '\'', ',', '(', ')', '|']).any(|part| {
        let bare = part.trim_matches(AROUND);
        NAMING.iter().any(|start| bare.starts_with(start) && bare.len() > start.len())
            || bare.contains("://")
            || bare.contains('@')
            || bare.contains('\\')
            || is_path(bare)
            || is_place(bare)
            || is_key(bare)
    })
}

fn is_path(word: &str) -> bool {
    word.starts_with('/') && word.len() > 1
}

fn is_place(word: &str) -> bool {
    if word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let host = word.split(['/', ':']).next().unwrap_or_default();
    if host == "localhost" {
        return true;
    }
    let plain = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let last_is_a_name = host
        .rsplit('.')
        .next()
        .is_some_and(|last| last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()));
    host.contains('.') && last_is_a_name && host.split('.').all(plain)
}

fn is_key(word: &str) -> bool {
    word.len() >= LONG_WORD
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && word.chars().any(|c| c.is_ascii_digit())
        && word.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use atelier_domain::secret::Secret;

    #[test]
    fn what_names_an_account_or_a_place_is_left_out_and_the_rest_is_readable() {
        let secrets = AccountSecrets { token: Some(Secret::new("hunter22")), ..AccountSecrets::default() };
        for (said, kept) in [
            (
                "Incorrect API key provided: sk-abc***xyz. You can find your API key at https://platform.openai.com/account.",
                "Incorrect API key provided: … You can find your API key at …",
            ),
            (
                "Rate limit reached for gpt-image-2 in organization org-AbC123 on images per minute: Limit 5, Used 5.",
                "Rate limit reached for gpt-image-2 in organization … on images per minute: Limit 5, Used 5.",
            ),
            ("cannot open /srv/models/flux.safetensors on gpu-3.internal:8000", "cannot open … on …"),
            ("connect to 10.0.0.7:8000 failed for bob@example.com", "connect to … failed for …"),
            ("the token hunter22 is wrong", "the token … is wrong"),
            ("{\"key\":\"sk-live-1\",\"a\":1}", "…"),
            ("id=7f3b2c1d9e8f4a5b6c7d8e9f0a1b2c3d failed", "… failed"),
            (
                "size 1000x1000 of gpt-image-2.5-flare\n\tis bad, e.g. not 1.5",
                "size 1000x1000 of gpt-image-2.5-flare is bad, e.g. not 1.5",
            ),
            ("Invalid value: 'xl' (param tools[0].n)", "Invalid value: 'xl' (param tools[0].n)"),
        ] {
            assert_eq!(excerpt(said, &secrets), kept, "{said}");
        }
    }

    #[test]
    fn no_text_outgrows_its_bound() {
        for text in ["word ".repeat(1000), "x".repeat(5000), "é ".repeat(900)] {
            assert!(excerpt(&text, &AccountSecrets::default()).chars().count() <= LONGEST + 1);
        }
    }
}
