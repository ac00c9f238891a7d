//! What is shown to everybody there: profiles, characters, posts.

use super::upstream::Upstream;
use crate::openai::Asked;
use atelier_domain::{
    browse::{Browse, Page},
    fault::Fault,
};
use serde_json::Value;
use url::form_urlencoded;

/// Looks at it; none when it is not there.
///
/// # Errors
/// Why it could not be seen.
pub(super) async fn browse(upstream: &Upstream, what: &Browse) -> Result<Option<Value>, Fault> {
    match upstream.try_look(&path(what)).await? {
        Ok(said) => Ok(Some(said)),
        Err(no) if no.is(404, "") => Ok(None),
        Err(no) => Err(no.fault(Asked::Look, upstream.secrets())),
    }
}

fn path(what: &Browse) -> String {
    match what {
        Browse::Profile { username } => format!("/project_y/profile/username/{}", segment(username)),
        Browse::Search { username, characters_only, limit } => {
            let intent = if *characters_only { "cameo" } else { "users" };
            let limit = limit.to_string();
            let query = [("username", username.as_str()), ("intent", intent), ("limit", &limit)];
            format!("/project_y/profile/search_mentions?{}", written(&query))
        }
        Browse::Feed { top, page } => {
            format!("/project_y/feed?{}", paged(page, if *top { "nf2_top" } else { "nf2_latest" }))
        }
        Browse::UserFeed { user_id, page } => {
            format!("/project_y/profile_feed/{}?{}", segment(user_id), paged(page, "nf2"))
        }
    }
}

fn paged(page: &Page, cut: &str) -> String {
    let limit = page.limit.to_string();
    let mut query = vec![("limit", limit.as_str()), ("cut", cut)];
    query.extend(page.cursor.as_deref().map(|cursor| ("cursor", cursor)));
    written(&query)
}

fn written(query: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish()
}

/// A client's word as one part of a path, whatever it holds.
fn segment(text: &str) -> String {
    // Dots alone would be taken for a way up.
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_leads_nowhere_else() {
        let page = || Page { limit: 8, cursor: Some("a&b=c d".into()) };
        for (what, expected) in [
            (Browse::Profile { username: "fox.1".into() }, "/project_y/profile/username/fox%2E1"),
            (
                Browse::Profile { username: "../../me".into() },
                "/project_y/profile/username/%2E%2E%2F%2E%2E%2Fme",
            ),
            (
                Browse::Search { username: "a&intent=x".into(), characters_only: true, limit: 5 },
                "/project_y/profile/search_mentions?username=a%26intent%3Dx&intent=cameo&limit=5",
            ),
            (
                Browse::Feed { top: true, page: page() },
                "/project_y/feed?limit=8&cut=nf2_top&cursor=a%26b%3Dc+d",
            ),
            (
                Browse::UserFeed { user_id: "user-1?x".into(), page: Page { limit: 8, cursor: None } },
                "/project_y/profile_feed/user-1%3Fx?limit=8&cut=nf2",
            ),
        ] {
            assert_eq!(path(&what), expected);
        }
    }
}
