//! Signed media: the bytes behind a link, with Range, ETag and HEAD.

use crate::{gateway::Gateway, problem::Problem};
use actix_files::NamedFile;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, ContentDisposition, DispositionType},
    web::{self, Data, Path, Query},
};
use atelier_domain::{code::Code, ids::MediaId};
use serde::Deserialize;
use std::path::PathBuf;
use utoipa::IntoParams;

/// The signature of a link.
#[derive(Deserialize, IntoParams)]
pub struct Signature {
    /// When the link ends, in seconds since the epoch.
    #[serde(default)]
    exp: i64,
    /// The signature.
    #[serde(default)]
    sig: String,
}

/// A file behind a signed link. Ranges, `ETag` and `If-None-Match` work; no key is needed.
#[utoipa::path(get, path = "/media/{file}", tag = "media", security(()),
    params(("file" = String, Path, description = "Media id with its extension"), Signature),
    responses((status = 200, description = "The file"), (status = 206, description = "A range of it"),
        (status = 403, description = "`bad_signature`", body = crate::problem::ErrorBody),
        (status = 404, description = "`media_not_found`", body = crate::problem::ErrorBody)))]
pub async fn file(
    request: HttpRequest,
    gateway: Data<Gateway>,
    name: Path<String>,
    link: Query<Signature>,
) -> Result<HttpResponse, Problem> {
    let gone = || Problem::new(Code::MediaNotFound, "there is no such file, or it is past its time");
    let stem = name.split('.').next().unwrap_or_default();
    let id: MediaId = stem.parse().map_err(|_| gone())?;
    if !gateway.links.holds(id, link.exp, &link.sig) {
        return Err(Problem::new(
            Code::BadSignature,
            "this link was altered or has expired: ask for a new one",
        ));
    }
    let (media, path) = gateway.library.find(id)?.ok_or_else(gone)?;
    let file = opened(path, &media.mime).await?.ok_or_else(gone)?;
    let mut response = file.into_response(&request);
    let headers = response.headers_mut();
    headers
        .insert(header::CACHE_CONTROL, header::HeaderValue::from_static("private, max-age=3600, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    // An SVG is a document: it may draw, and nothing else.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        header::HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    );
    Ok(response)
}

/// A kept file of this media type, to be answered with, shown where it stands; none when it is not there any more.
pub async fn opened(path: PathBuf, mime: &str) -> Result<Option<NamedFile>, Problem> {
    let mime =
        mime.parse().map_err(|_| Problem::new(Code::InternalError, "the file has no usable media type"))?;
    let opened = web::block(move || NamedFile::open(path)).await;
    let opened = opened.map_err(|_| Problem::new(Code::ShuttingDown, "the gateway is stopping"))?;
    let inline = ContentDisposition { disposition: DispositionType::Inline, parameters: Vec::new() };
    Ok(opened.ok().map(|file| file.set_content_type(mime).set_content_disposition(inline)))
}
