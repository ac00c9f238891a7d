//! What an access token says about itself, where it is a JWT. Nothing is believed of it but what its owner would tell us anyway,
//! so no signature is checked.

use atelier_domain::{secret::Secret, time::Millis};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// The claim under which OpenAI's tokens keep their owner.
const PROFILE: &str = "https://api.openai.com/profile";

/// What is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub expires_at: Option<Millis>,
    pub issued_at: Option<Millis>,
    pub email: Option<String>,
}

impl Claims {
    /// The claims of a token; none when it is no JWT.
    pub fn of(token: &Secret) -> Option<Self> {
        let mut parts = token.expose().split('.');
        let (Some(_), Some(body), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let bytes = URL_SAFE_NO_PAD.decode(body.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&bytes).ok()?;
        let moment = |claim: &str| {
            let seconds = claims[claim].as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds));
            seconds.map(|seconds| Millis(seconds * 1000))
        };
        // Adobe's tokens say when they were made and how long they last, in milliseconds and as texts.
        let span = |claim: &str| claims[claim].as_str()?.parse::<i64>().ok().filter(|ms| *ms >= 0);
        let lasts = || Some(Millis(span("created_at")?.checked_add(span("expires_in")?)?));
        let email = claims[PROFILE]["email"].as_str().or(claims["email"].as_str());
        Some(Self {
            expires_at: moment("exp").or_else(lasts),
            issued_at: moment("iat").or_else(|| span("created_at").map(Millis)),
            email: email.filter(|email| email.len() <= 320 && email.contains('@')).map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(claims: &str) -> Secret {
        Secret::new(format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn a_jwt_tells_its_end_and_its_owner() {
        let claims = Claims::of(&token(
            r#"{"exp":1767225600,"iat":1767225000,"https://api.openai.com/profile":{"email":"a@b.example"}}"#,
        ));
        let (expires_at, email) = (Some(Millis(1_767_225_600_000)), Some("a@b.example".to_owned()));
        let issued_at = Some(Millis(1_767_225_000_000));
        assert_eq!(claims.unwrap(), Claims { expires_at, issued_at, email });
    }

    #[test]
    fn a_token_that_says_how_long_it_lasts_tells_its_end() {
        let claims = Claims::of(&token(r#"{"created_at":"1767225000000","expires_in":"86400000"}"#)).unwrap();
        assert_eq!(claims.expires_at, Some(Millis(1_767_311_400_000)));
        assert_eq!(claims.issued_at, Some(Millis(1_767_225_000_000)));
    }

    #[test]
    fn whatever_else_is_sent_tells_nothing() {
        for (text, is_jwt) in [
            ("sk-proj-1", false),
            ("eyJ.eyJ", false),
            ("a.!!.c", false),
            ("a.bm9qc29u.c", false),
            ("a.b.c.d", false),
        ] {
            assert_eq!(Claims::of(&Secret::new(text)).is_some(), is_jwt, "{text}");
        }
        for odd in [r#"{"exp":-1}"#, r#"{"exp":9e18}"#, r#"{"exp":"x","email":5}"#, "[]"] {
            assert_eq!(Claims::of(&token(odd)), Some(Claims::default()), "{odd}");
        }
    }
}
