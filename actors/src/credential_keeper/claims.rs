//! What an access token says of itself. Its signature is its vendor's to check: nothing is granted by what is read here.

use atelier_domain::{secret::Secret, time::Millis};
use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;

/// Longer payloads are not read, in bytes of base64.
const LONGEST: usize = 16 * 1024;

/// Tokens are written without padding, though some writers add it.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The claims of a JWT that the gateway cares for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// When it was made.
    pub issued_at: Option<Millis>,
    /// Whose it is.
    pub email: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    exp: Option<f64>,
    iat: Option<f64>,
    email: Option<String>,
    #[serde(rename = "https://api.openai.com/profile")]
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    email: Option<String>,
}

impl Claims {
    /// Those of a token; none when it is no JWT, such as an API key.
    pub fn of(token: &Secret) -> Option<Self> {
        let mut parts = token.expose().split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || payload.len() > LONGEST {
            return None;
        }
        let payload: Payload = serde_json::from_slice(&ENGINE.decode(payload).ok()?).ok()?;
        let email = payload.email.or_else(|| payload.profile?.email);
        Some(Self {
            expires_at: payload.exp.and_then(moment),
            issued_at: payload.iat.and_then(moment),
            email,
        })
    }
}

/// Seconds since the epoch, within what a calendar has room for.
fn moment(seconds: f64) -> Option<Millis> {
    const LATEST: f64 = 253_402_300_799.0;
    (0.0..=LATEST).contains(&seconds).then_some(Millis((seconds * 1000.0) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

    fn jwt(payload: &str) -> Secret {
        Secret::new(format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn a_token_says_when_it_ends_when_it_began_and_whose_it_is() {
        let claims = Claims::of(&jwt(
            r#"{"exp":1782830000,"iat":1781966000.5,"https://api.openai.com/profile":{"email":"a@b.c","email_verified":true}}"#,
        ));
        let (expires_at, issued_at) = (Some(Millis(1_782_830_000_000)), Some(Millis(1_781_966_000_500)));
        assert_eq!(claims, Some(Claims { expires_at, issued_at, email: Some("a@b.c".into()) }));
        assert_eq!(Claims::of(&jwt("{}")), Some(Claims::default()));
        let padded = Secret::new(format!("e30.{}.c2ln", URL_SAFE.encode(r#"{"exp":12 }"#)));
        assert_eq!(Claims::of(&padded).and_then(|claims| claims.expires_at), Some(Millis(12_000)));
    }

    #[test]
    fn what_is_no_token_says_nothing_and_absurd_times_are_no_times() {
        for text in ["", "sk-abc", "a.b", "a.b.c.d", "e30.!!!.c2ln", "e30.W10.c2ln", "e30.bm8.c2ln"] {
            assert_eq!(Claims::of(&Secret::new(text)), None, "{text}");
        }
        for exp in ["-1", "1e300", "null"] {
            assert_eq!(Claims::of(&jwt(&format!(r#"{{"exp":{exp}}}"#))), Some(Claims::default()), "{exp}");
        }
        assert_eq!(Claims::of(&jwt(&"x".repeat(LONGEST))), None);
    }
}
