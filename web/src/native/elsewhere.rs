//! What an account's upstream shows to everybody, where a request names such an account: in the shapes that older clients know.

use crate::{accounts, gateway::Gateway, problem::Problem};
use atelier_domain::{
    browse::{Browse, Page},
    code::Code,
    ids::AccountId,
};
use serde_json::{Value, json};

/// Fields of a profile that are passed on.
const PROFILE: [&str; 7] =
    ["user_id", "username", "display_name", "profile_picture_url", "permalink", "verified", "follower_count"];

/// Fields of a post that are passed on.
const POST: [&str; 8] =
    ["id", "text", "permalink", "preview_image_url", "posted_at", "like_count", "view_count", "remix_count"];

/// Frames of a second, as lengths are counted there.
const FRAMES: f64 = 30.0;

/// An account that shows what its upstream shows.
pub struct Elsewhere(AccountId);

impl Elsewhere {
    /// The account that a query names, if it shows anything; an account that does not changes nothing.
    ///
    /// # Errors
    /// `token_not_found`.
    pub async fn named(gateway: &Gateway, token: Option<&str>) -> Result<Option<Self>, Problem> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        let account = accounts::find(gateway, token).await?.standing.account.id;
        Ok(gateway.relay.browses(account).then_some(Self(account)))
    }

    async fn see(&self, gateway: &Gateway, what: Browse) -> Result<Value, Problem> {
        let missing =
            || Problem::new(Code::ProfileNotFound, "nobody at this account's upstream is called so");
        gateway.relay.browse(self.0, what).await?.ok_or_else(missing)
    }

    /// Somebody's profile.
    ///
    /// # Errors
    /// `profile_not_found`, or what the upstream's refusal means.
    pub async fn profile(&self, gateway: &Gateway, username: &str) -> Result<Value, Problem> {
        let username = username.trim_start_matches('@').to_owned();
        let profile = self.see(gateway, Browse::Profile { username }).await?;
        Ok(json!({ "success": true, "profile": profile }))
    }

    /// Whoever's user name begins like this.
    ///
    /// # Errors
    /// What the upstream's refusal means.
    pub async fn search(
        &self,
        gateway: &Gateway,
        query: &str,
        (characters_only, limit): (bool, usize),
    ) -> Result<Value, Problem> {
        let username = query.trim_start_matches('@').to_owned();
        let said = self.see(gateway, Browse::Search { username, characters_only, limit }).await?;
        let results: Vec<_> = items(&said).iter().map(found).collect();
        Ok(json!({ "success": true, "query": query, "count": results.len(), "results": results }))
    }

    /// A page of everybody's posts.
    ///
    /// # Errors
    /// What the upstream's refusal means.
    pub async fn feed(&self, gateway: &Gateway, cut: &'static str, page: Page) -> Result<Value, Problem> {
        let said = self.see(gateway, Browse::Feed { top: cut == "nf2_top", page }).await?;
        let posts: Vec<_> = items(&said).iter().map(post).collect();
        Ok(
            json!({ "success": true, "cut": cut, "count": posts.len(), "cursor": said.get("cursor"), "items": posts }),
        )
    }

    /// A page of somebody's posts, as it is there.
    ///
    /// # Errors
    /// `profile_not_found`, or what the upstream's refusal means.
    pub async fn user_feed(&self, gateway: &Gateway, user_id: &str, page: Page) -> Result<Value, Problem> {
        let what = Browse::UserFeed { user_id: user_id.to_owned(), page };
        let feed = self.see(gateway, what).await?;
        Ok(json!({ "success": true, "user_id": user_id, "feed": feed }))
    }
}

fn items(said: &Value) -> &[Value] {
    said.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn some_of(value: &Value, names: &[&str]) -> Value {
    let fields = names.iter().map(|name| ((*name).to_owned(), value.get(*name).cloned().unwrap_or_default()));
    Value::Object(fields.collect())
}

fn found(item: &Value) -> Value {
    let profile = item.get("profile").unwrap_or(&Value::Null);
    let mut view = some_of(profile, &PROFILE);
    view["can_cameo"] = profile.get("can_cameo").cloned().unwrap_or(false.into());
    view["token"] = item.get("token").cloned().unwrap_or_default();
    let owner = profile.get("owner_profile").filter(|owner| owner.is_object());
    view["owner"] =
        owner.map_or(Value::Null, |owner| some_of(owner, &["user_id", "username", "display_name"]));
    view
}

fn post(item: &Value) -> Value {
    let post = item.get("post").unwrap_or(&Value::Null);
    let mut view = some_of(post, &POST);
    view["attachment"] = post.pointer("/attachments/0").map_or(Value::Null, attachment);
    view["author"] = some_of(item.get("profile").unwrap_or(&Value::Null), &PROFILE);
    view
}

fn attachment(attachment: &Value) -> Value {
    let mut view = some_of(attachment, &["kind", "url", "downloadable_url", "width", "height", "n_frames"]);
    let frames = attachment.get("n_frames").and_then(Value::as_f64);
    view["duration_seconds"] = frames.map_or(Value::Null, |frames| json!(frames / FRAMES));
    // Servers differ in what they call the place of a still.
    let still =
        ["path", "url"].iter().find_map(|name| attachment.pointer(&format!("/encodings/thumbnail/{name}")));
    view["thumbnail_url"] = still.cloned().unwrap_or_default();
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_told_in_the_shapes_of_older_clients() {
        let item = json!({
            "post": {"id": "s_1", "text": "x", "like_count": 3, "secret": 1, "attachments": [
                {"kind": "sora", "url": "u", "n_frames": 300, "encodings": {"thumbnail": {"url": "t"}}}]},
            "profile": {"user_id": "user-1", "username": "fox", "email": "a@b.c"},
        });
        let told = post(&item);
        assert_eq!(
            (&told["id"], &told["like_count"], &told["author"]["username"]),
            (&json!("s_1"), &json!(3), &json!("fox"))
        );
        let still = &told["attachment"];
        assert_eq!((&still["duration_seconds"], &still["thumbnail_url"]), (&json!(10.0), &json!("t")));
        assert!(!told.to_string().contains("secret") && !told.to_string().contains("a@b.c"));
        assert_eq!(post(&json!({}))["attachment"], Value::Null);

        let item = json!({"token": "<@ch_1>", "profile": {"username": "mia", "can_cameo": true,
            "owner_profile": {"user_id": "user-2", "username": "o", "display_name": "O", "email": "x"}}});
        let told = found(&item);
        assert_eq!((&told["token"], &told["can_cameo"]), (&json!("<@ch_1>"), &json!(true)));
        assert_eq!(told["owner"], json!({"user_id": "user-2", "username": "o", "display_name": "O"}));
        assert_eq!(found(&json!({}))["owner"], Value::Null);
    }
}
