//! `/v1/files`: pictures that are sent once and used by id, as `file_id`, in edits and responses.

use crate::{
    auth::Caller,
    form,
    gateway::Gateway,
    media,
    problem::{ErrorBody, Problem},
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ContentDisposition, DispositionParam, DispositionType},
    web::{self, Data, Path, Query},
};
use atelier_actors::media_library::{NewFile, StoredFile};
use atelier_domain::{code::Code, ids::FileId, time::Millis};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// What files are for here.
const PURPOSES: [&str; 2] = ["vision", "user_data"];

/// How long a file that is to go by itself may stay, in seconds.
const LIFETIME_S: std::ops::RangeInclusive<i64> = 3_600..=2_592_000;

/// The longest name of a file, in characters.
const NAME_CHARS: usize = 255;

/// Files of one page.
const PAGE: usize = 1_000;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileView {
    /// Its id, to be sent as `file_id`.
    #[schema(example = "file-0199abcd000070008000000000000001")]
    pub id: String,
    /// Always `file`.
    pub object: &'static str,
    /// Its length.
    pub bytes: u64,
    /// Since when, in seconds since the epoch.
    pub created_at: i64,
    /// When it goes by itself.
    pub expires_at: Option<i64>,
    /// The name it was sent with.
    pub filename: String,
    /// What it is for.
    pub purpose: String,
    /// Always `processed`: it can be used at once.
    pub status: &'static str,
}

impl FileView {
    fn of(file: &StoredFile) -> Self {
        Self {
            id: file.id.to_string(),
            object: "file",
            bytes: file.bytes,
            created_at: file.created_at.seconds(),
            expires_at: file.expires_at.map(Millis::seconds),
            filename: file.filename.clone(),
            purpose: file.purpose.clone(),
            status: "processed",
        }
    }
}

/// A page of files.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileList {
    /// Always `list`.
    pub object: &'static str,
    /// The files.
    pub data: Vec<FileView>,
    /// The first of them.
    pub first_id: Option<String>,
    /// The last of them: `after` for the next page.
    pub last_id: Option<String>,
    /// Whether there are more.
    pub has_more: bool,
}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of the body, for the docs")]
pub struct CreateFile {
    /// The file, at most 50 MiB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `vision` or `user_data`.
    purpose: String,
    /// `{"anchor": "created_at", "seconds": 3600…2592000}`: when it goes by itself. Without it, it stays until it is deleted.
    #[schema(value_type = Option<Object>)]
    expires_after: Option<serde_json::Value>,
}

/// Keep a file, to use it by its id.
#[utoipa::path(post, path = "/v1/files", tag = "files", request_body(content = CreateFile, content_type = "multipart/form-data"),
    responses((status = 200, description = "The file", body = FileView), (status = 400, description = "`bad_body`", body = ErrorBody),
        (status = 413, description = "`body_too_large`, `storage_limit_exceeded`", body = ErrorBody),
        (status = 422, description = "`bad_purpose`, `bad_expires_after`", body = ErrorBody)))]
pub async fn create(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    if !form::is_form(&request) {
        return Err(Problem::new(Code::BadBody, "send the file as multipart/form-data, in the field file"));
    }
    let mut fields = form::form(&request, payload, &gateway, &caller, &["file"]).await?;
    let known = |word: &str| PURPOSES.contains(&word).then(|| word.to_owned());
    let purpose = fields.word("purpose", known, &PURPOSES);
    if purpose.is_none() && !fields.has("purpose") {
        fields.wrong("purpose", format!("purpose must be one of {}", PURPOSES.join(", ")));
    }
    let lifetime = match fields.raw("expires_after").map(lifetime).transpose() {
        Ok(lifetime) => lifetime,
        Err(message) => {
            fields.wrong("expires_after", message);
            None
        }
    };
    let mut files = fields.take_files("file");
    if files.len() != 1 {
        fields.wrong("file", format!("send one file in the field file; {} were sent", files.len()));
    }
    fields.check()?;
    let (Some(sent), Some(purpose)) = (files.pop(), purpose) else {
        return Err(Problem::field("file", "send one file in the field file"));
    };
    let said = NewFile {
        filename: sent.filename.unwrap_or_else(|| "upload".into()).chars().take(NAME_CHARS).collect(),
        purpose,
        expires_at: lifetime.map(|lifetime| gateway.clock.now() + lifetime),
    };
    let file = gateway.library.keep_file(caller.0.id, sent.upload, said).await?;
    Ok(HttpResponse::Ok().json(FileView::of(&file)))
}

fn lifetime(value: &serde_json::Value) -> Result<Duration, String> {
    let wrong = || {
        let (least, most) = LIFETIME_S.into_inner();
        format!("expires_after must be {{\"anchor\": \"created_at\", \"seconds\": {least} to {most}}}")
    };
    let seconds = match value.get("seconds") {
        Some(serde_json::Value::String(text)) => text.trim().parse().ok(),
        Some(number) => number.as_i64(),
        None => None,
    };
    let is_anchored = value.get("anchor").and_then(|anchor| anchor.as_str()) == Some("created_at");
    let seconds = seconds.filter(|seconds| LIFETIME_S.contains(seconds) && is_anchored).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// Which files to list.
#[derive(Debug, Deserialize, IntoParams)]
pub struct Listing {
    /// Files after this one.
    after: Option<String>,
    /// How many at most, up to 1000.
    limit: Option<usize>,
    /// `desc` (newest first, the default) or `asc`.
    order: Option<String>,
    /// Only those for this.
    purpose: Option<String>,
}

/// This key's files.
#[utoipa::path(get, path = "/v1/files", tag = "files", params(Listing),
    responses((status = 200, description = "A page of files", body = FileList), (status = 422, description = "`bad_after`, `bad_order`", body = ErrorBody)))]
pub async fn list(
    caller: Caller,
    gateway: Data<Gateway>,
    asked: Query<Listing>,
) -> Result<HttpResponse, Problem> {
    let newest_first = match asked.order.as_deref() {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(Problem::field("order", "order must be asc or desc")),
    };
    let after = asked.after.as_deref().filter(|after| !after.is_empty());
    let bad_after = |_| Problem::field("after", "after must be the id of a file");
    let mut after = after.map(|after| after.parse::<FileId>().map_err(bad_after)).transpose()?;
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let is_wanted = |file: &StoredFile| {
        asked.purpose.as_ref().is_none_or(|purpose| *purpose == file.purpose)
            && file.expires_at.is_none_or(|end| gateway.clock.now() < end)
    };
    let mut found: Vec<StoredFile> = Vec::new();
    // One more than asked tells whether there are more.
    while found.len() <= limit {
        let page = gateway.library.files(caller.0.id, after, newest_first, PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        found.extend(page.into_iter().filter(is_wanted));
    }
    let has_more = found.len() > limit;
    found.truncate(limit);
    let data: Vec<_> = found.iter().map(FileView::of).collect();
    let id = |file: Option<&FileView>| file.map(|file| file.id.clone());
    let (first_id, last_id) = (id(data.first()), id(data.last()));
    Ok(HttpResponse::Ok().json(FileList { object: "list", data, first_id, last_id, has_more }))
}

fn own(gateway: &Gateway, caller: &Caller, id: &str) -> Result<StoredFile, Problem> {
    let unknown = || Problem::new(Code::FileNotFound, "this API key has no such file");
    let id: FileId = id.parse().map_err(|_| unknown())?;
    gateway.library.file(caller.0.id, id)?.ok_or_else(unknown)
}

/// A file, without its bytes.
#[utoipa::path(get, path = "/v1/files/{id}", tag = "files", params(("id" = String, Path, description = "The file")),
    responses((status = 200, description = "The file", body = FileView), (status = 404, description = "`file_not_found`", body = ErrorBody)))]
pub async fn retrieve(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(FileView::of(&own(&gateway, &caller, &id)?)))
}

/// The bytes of a file.
#[utoipa::path(get, path = "/v1/files/{id}/content", tag = "files", params(("id" = String, Path, description = "The file")),
    responses((status = 200, description = "Its bytes"), (status = 206, description = "A range of them"), (status = 404, description = "`file_not_found`", body = ErrorBody)))]
pub async fn content(
    request: HttpRequest,
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let file = own(&gateway, &caller, &id)?;
    let path = gateway.library.file_path(&file)?;
    let gone = || Problem::new(Code::FileNotFound, "the file is gone");
    let bytes = media::opened(path, &file.mime).await?.ok_or_else(gone)?;
    let attached = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(file.filename)],
    };
    Ok(bytes.set_content_disposition(attached).into_response(&request))
}

/// Delete a file. Jobs that were given it keep what they were given.
#[utoipa::path(delete, path = "/v1/files/{id}", tag = "files", params(("id" = String, Path, description = "The file")),
    responses((status = 200, description = "`{id, object, deleted}`"), (status = 404, description = "`file_not_found`", body = ErrorBody)))]
pub async fn delete(
    caller: Caller,
    gateway: Data<Gateway>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let file = own(&gateway, &caller, &id)?;
    let deleted = gateway.library.delete_file(caller.0.id, file.id).await?;
    Ok(HttpResponse::Ok()
        .json(serde_json::json!({ "id": file.id.to_string(), "object": "file", "deleted": deleted })))
}
