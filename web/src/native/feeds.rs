//! Feeds of published works, page by page (api.md §8).

use super::{
    elsewhere::Elsewhere,
    post_view::{Authors, PostView},
};
use crate::{
    accounts,
    auth::Caller,
    gateway::Gateway,
    openai::answer,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use atelier_actors::gallery::{Cursor, Feed};
use atelier_domain::{
    browse::Page,
    code::Code,
    ids::{CharacterId, KeyId},
    profile::UserId,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

/// Posts of a page unless said otherwise.
const PAGE: usize = 8;

/// Posts of a page at most.
const MOST: usize = 100;

/// Which page of a feed.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Paging {
    /// How many at most, up to 100 (8).
    limit: Option<usize>,
    /// What the page before answered as `cursor`.
    cursor: Option<String>,
    /// An account, by its number or id. One whose engine can shows what its upstream shows; any other changes nothing.
    token_id: Option<String>,
}

/// A page of a feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedPage {
    /// The posts.
    items: Vec<PostView>,
    /// What to send for the next page; null at the end.
    cursor: Option<String>,
}

impl Paging {
    /// The account that is named, if it shows what its upstream shows, and the page of it.
    async fn elsewhere(&self, gateway: &Gateway) -> Result<Option<(Elsewhere, Page)>, Problem> {
        let elsewhere = Elsewhere::named(gateway, self.token_id.as_deref()).await?;
        let limit = self.limit.unwrap_or(PAGE).clamp(1, MOST);
        let page = Page { limit, cursor: self.cursor.clone().filter(|cursor| !cursor.is_empty()) };
        Ok(elsewhere.map(|elsewhere| (elsewhere, page)))
    }

    /// The page of a feed, as the caller sees it.
    ///
    /// # Errors
    /// `bad_cursor`, `token_not_found`.
    pub async fn page(
        &self,
        request: &HttpRequest,
        gateway: &Gateway,
        (caller, feed): (&Caller, Feed),
    ) -> Result<FeedPage, Problem> {
        accounts::check(gateway, self.token_id.as_deref()).await?;
        let wrong = |why: &str| Problem::field("cursor", why);
        let after = self.cursor.as_deref().filter(|cursor| !cursor.is_empty());
        let after = after.map(|cursor| cursor.parse::<Cursor>().map_err(wrong)).transpose()?;
        let page = gateway.gallery.page(feed, after.as_ref(), self.limit.unwrap_or(PAGE))?;
        let page = page.ok_or_else(|| wrong("cursor is of another feed"))?;
        let origin = answer::origin(request);
        let mut authors = Authors::new(gateway, &origin);
        let mut items = Vec::with_capacity(page.posts.len());
        for post in &page.posts {
            items.push(PostView::of(&mut authors, post, Some(caller.0.id)).await?);
        }
        Ok(FeedPage { items, cursor: page.cursor.map(|cursor| cursor.to_string()) })
    }
}

/// Which order.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Cut {
    /// `nf2_latest` (the default) or `nf2_top`.
    cut: Option<String>,
}

/// The public feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicFeed {
    /// Always true.
    success: bool,
    /// The order.
    cut: &'static str,
    /// How many posts this page has.
    count: usize,
    /// What to send for the next page; null at the end.
    cursor: Option<String>,
    /// The posts.
    items: Vec<PostView>,
}

/// Everybody's published works: the latest first, or those first that are looked at, liked and remixed most.
#[utoipa::path(get, path = "/v1/feed", tag = "posts", params(Paging, Cut),
    responses((status = 200, description = "A page", body = PublicFeed), (status = 422, description = "`bad_cut`, `bad_cursor`", body = ErrorBody)))]
pub async fn public(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    paging: Query<Paging>,
    cut: Query<Cut>,
) -> Result<HttpResponse, Problem> {
    let (cut, feed) = match cut.cut.as_deref() {
        None | Some("" | "nf2_latest") => ("nf2_latest", Feed::Latest),
        Some("nf2_top") => ("nf2_top", Feed::Top),
        Some(_) => return Err(Problem::field("cut", "cut must be nf2_latest or nf2_top")),
    };
    if let Some((elsewhere, page)) = paging.elsewhere(&gateway).await? {
        return Ok(HttpResponse::Ok().json(elsewhere.feed(&gateway, cut, page).await?));
    }
    let FeedPage { items, cursor } = paging.page(&request, &gateway, (&caller, feed)).await?;
    Ok(HttpResponse::Ok().json(PublicFeed { success: true, cut, count: items.len(), cursor, items }))
}

/// The feed of somebody.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserFeed {
    /// Always true.
    success: bool,
    /// Whose it is.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The page.
    feed: FeedPage,
}

/// What somebody published, the latest first.
#[utoipa::path(get, path = "/v1/users/{user_id}/feed", tag = "posts", params(("user_id" = String, Path, description = "`user-…`"), Paging),
    responses((status = 200, description = "A page", body = UserFeed), (status = 404, description = "`profile_not_found`", body = ErrorBody), (status = 422, description = "`bad_cursor`", body = ErrorBody)))]
pub async fn of_user(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Problem> {
    if let Some((elsewhere, page)) = paging.elsewhere(&gateway).await? {
        return Ok(HttpResponse::Ok().json(elsewhere.user_feed(&gateway, &id, page).await?));
    }
    let unknown = || Problem::new(Code::ProfileNotFound, "nobody here has this user id");
    let user_id: UserId = id.parse().map_err(|_| unknown())?;
    let key = KeyId::from_uuid(user_id.uuid());
    if gateway.keys.get(key).is_none() {
        // A character publishes nothing itself.
        let character = gateway.characters.find(CharacterId::from_uuid(user_id.uuid()))?;
        character.filter(|character| character.is_visible_to(caller.0.id)).ok_or_else(unknown)?;
    }
    let feed = paging.page(&request, &gateway, (&caller, Feed::Of(key))).await?;
    Ok(HttpResponse::Ok().json(UserFeed { success: true, user_id, feed }))
}

/// What an account made and its maker published, the latest first.
#[utoipa::path(get, path = "/v1/tokens/{id}/profile-feed", tag = "accounts", params(("id" = String, Path, description = "The number or id of an account"), Paging),
    responses((status = 200, description = "`{success, token_id, feed}`"), (status = 404, description = "`token_not_found`", body = ErrorBody), (status = 422, description = "`bad_cursor`", body = ErrorBody)))]
pub async fn of_account(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Problem> {
    let account = accounts::find(&gateway, &id).await?;
    let feed = Feed::By(account.standing.account.id);
    let feed = paging.page(&request, &gateway, (&caller, feed)).await?;
    Ok(HttpResponse::Ok().json(json!({ "success": true, "token_id": account.number, "feed": feed })))
}
