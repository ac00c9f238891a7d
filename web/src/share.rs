//! Share links: a published work as a page for people, and as JSON for programs, without a key.

use crate::{
    auth::Caller,
    gateway::Gateway,
    native::post_view::{Authors, PostView},
    openai::answer,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    dev::Payload,
    http::header::{self, HeaderValue},
    web::{Data, Path, Query},
};
use atelier_domain::{code::Code, ids::PostId};
use serde::Deserialize;
use utoipa::IntoParams;

/// How many characters of a text the title of a page has.
const TITLE_CHARS: usize = 80;

/// A page that may show pictures and films and run nothing.
const POLICY: &str = "default-src 'none'; img-src *; media-src *; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Form {
    /// `json` for what `GET /v1/posts/{id}` answers; else what the header `Accept` prefers.
    format: Option<String>,
}

/// A published work. No key is needed; with one, the look is counted.
#[utoipa::path(get, path = "/p/{id}", tag = "posts", security(()), params(("id" = String, Path, description = "`s_…`"), Form),
    responses((status = 200, description = "A page, or with `Accept: application/json` the post", body = PostView), (status = 404, description = "`post_not_found`", body = ErrorBody)))]
pub async fn page(
    request: HttpRequest,
    gateway: Data<Gateway>,
    id: Path<String>,
    form: Query<Form>,
) -> Result<HttpResponse, Problem> {
    let as_json = form.format.as_deref() == Some("json") || wants_json(&request);
    let viewer = Caller::from_request(&request, &mut Payload::None).await.ok().map(|caller| caller.0.id);
    let post = match (id.parse::<PostId>(), viewer) {
        (Ok(id), Some(viewer)) => gateway.gallery.view(id, viewer).await?,
        (Ok(id), None) => gateway.gallery.find(id)?,
        (Err(_), _) => None,
    };
    let Some(post) = post else {
        let gone = Problem::new(Code::PostNotFound, "there is no such post, or it was taken back");
        return if as_json { Err(gone) } else { Ok(html(HttpResponse::build(gone.status_code()), &lost())) };
    };
    let origin = answer::origin(&request);
    let mut authors = Authors::new(&gateway, &origin);
    let view = PostView::of(&mut authors, &post, viewer).await?;
    if as_json {
        return Ok(HttpResponse::Ok().json(view));
    }
    Ok(html(HttpResponse::Ok(), &rendered(&view)))
}

/// Whether JSON is asked for by name. Browsers ask for HTML, and tools that take anything are given the page.
fn wants_json(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("application/json") && !accepted.contains("text/html"))
}

fn html(mut response: actix_web::HttpResponseBuilder, body: &str) -> HttpResponse {
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        // Its links last for an hour, and it may be taken back at any time.
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        .body(body.to_owned())
}

fn rendered(post: &PostView) -> String {
    let (text, author) = post.said();
    let title: String =
        if text.is_empty() { author.to_owned() } else { text.chars().take(TITLE_CHARS).collect() };
    let [title, text, author, permalink] = [&title, text, author, post.permalink()].map(escaped);
    let (shown, meta) = match post.shown() {
        Some((url, still, true)) => {
            let [url, still] = [url, still].map(escaped);
            (
                format!("<video src=\"{url}\" poster=\"{still}\" controls playsinline></video>"),
                format!(
                    "<meta property=\"og:video\" content=\"{url}\"><meta property=\"og:image\" content=\"{still}\">"
                ),
            )
        }
        Some((url, _, false)) => {
            let url = escaped(url);
            (
                format!("<img src=\"{url}\" alt=\"{title}\">"),
                format!("<meta property=\"og:image\" content=\"{url}\">"),
            )
        }
        None => (String::new(), String::new()),
    };
    let meta = format!(
        "<meta property=\"og:title\" content=\"{title}\"><meta property=\"og:url\" content=\"{permalink}\">{meta}"
    );
    framed(&title, &meta, &format!("{shown}<p>{text}</p><footer>{author}</footer>"))
}

fn lost() -> String {
    framed("Nothing here", "", "<p>There is no such post, or it was taken back.</p>")
}

fn framed(title: &str, meta: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title>{meta}<style>body{{margin:0;padding:4vmin;background:#14161a;color:#e8e6e1;\
         font:16px/1.5 system-ui,sans-serif}}main{{max-width:60rem;margin:auto}}video,img{{max-width:100%;max-height:80vh;\
         display:block;margin:auto;border-radius:6px}}p{{white-space:pre-wrap}}footer{{opacity:.6}}</style></head>\
         <body><main>{body}</main></body></html>"
    )
}

/// A text that means nothing to a browser but itself.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(escaped("<a href='x\">&</a>"), "&lt;a href=&#39;x&quot;&gt;&amp;&lt;/a&gt;");
        assert_eq!(escaped("漢字"), "漢字");
    }
}
