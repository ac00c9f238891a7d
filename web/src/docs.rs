//! The OpenAPI document, generated from the handlers, and the page that shows it.

use crate::{admin, health, media, native, openai, problem, share};
use actix_web::{HttpResponse, http::header};
use atelier_domain::code::Code;
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_swagger_ui::SwaggerUi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Atelier", description = "A self-hosted gateway for image and video generation."),
    paths(
        openai::images::generate, openai::images::edit, openai::images::vary, openai::images::job, openai::images::cancel,
        openai::videos::list, openai::videos::create, openai::videos::edit, openai::videos::extend, openai::videos::retrieve,
        openai::videos::generate, openai::videos::job, openai::videos::cancel_job,
        openai::videos::create_character, openai::videos::retrieve_character, openai::videos::delete_character, openai::videos::delete, openai::videos::content, openai::videos::remix,
        openai::chat::create,
        openai::responses::create, openai::responses::retrieve, openai::responses::cancel, openai::responses::delete,
        openai::files::list, openai::files::create, openai::files::retrieve, openai::files::content, openai::files::delete,
        openai::models::list, openai::models::retrieve, native::engine_models::firefly,
        native::characters::create, native::characters::list, native::characters::retrieve, native::characters::delete, native::profiles::search,
        native::posts::publish, native::posts::unpublish, native::posts::retrieve, native::posts::like, native::posts::unlike, native::posts::remixes,
        native::profiles::retrieve, native::feeds::of_user, native::feeds::public, native::feeds::of_account, native::enhance::enhance_prompt,
        native::figures::invite_codes, native::figures::stats, native::tokens::pending_tasks, native::tokens::pending_tasks_v2, native::tokens::task,
        native::standalone::generate_image, native::standalone::transform_image, native::standalone::generate_video,
        native::standalone::transform_video, native::standalone::remix_video, native::standalone::storyboard_video,
        native::standalone::create_character, native::standalone::generate_with_character,
        native::jobs::list, native::jobs::retrieve, native::jobs::cancel, native::job_events::events, native::tasks::list, native::tasks::retrieve,
        native::credits::balance, native::credits::entries, native::credits::redeem, native::quote::quote,
        share::page, media::file, health::v1_health, health::health, health::figures, openapi_document, redirect,
        admin::session::login, admin::session::logout,
        admin::keys::list, admin::keys::create, admin::keys::retrieve, admin::keys::update, admin::keys::replace,
        admin::keys::delete, admin::keys::rotate, admin::keys::credits,
        admin::accounts::one::list, admin::accounts::one::create, admin::accounts::one::retrieve, admin::accounts::one::update,
        admin::accounts::one::delete, admin::accounts::one::status, admin::accounts::one::enable, admin::accounts::one::disable,
        admin::accounts::one::test, admin::accounts::many::add, admin::accounts::many::import, admin::accounts::many::test,
        admin::accounts::many::enable, admin::accounts::many::disable, admin::accounts::many::delete_disabled,
        admin::accounts::convert::session, admin::accounts::convert::refresh,
        admin::settings::clearance::state, admin::settings::clearance::refresh, admin::settings::clearance::clear,
        admin::accounts::activate::activate, admin::accounts::activate::activate_username,
        admin::accounts::activate::activate_all, admin::accounts::activate::activate_all_usernames,
        admin::settings::general::show, admin::settings::general::change, admin::settings::general::password,
        admin::settings::general::api_key, admin::settings::general::debug, admin::settings::general::refresh,
        admin::settings::general::set_refresh, admin::settings::proxies::show, admin::settings::proxies::change,
        admin::settings::proxies::pool, admin::settings::proxies::set_pool, admin::settings::media::timeouts,
        admin::settings::media::set_timeouts, admin::settings::media::cache, admin::settings::media::set_cache,
        admin::settings::media::set_base_url, admin::settings::media::set_cache_enabled,
        admin::settings::upstreams::watermark, admin::settings::upstreams::set_watermark,
        admin::settings::upstreams::cloudflare, admin::settings::upstreams::set_cloudflare,
        admin::logs::stats, admin::logs::list, admin::logs::clear,
        admin::characters::list, admin::characters::by_token, admin::characters::retrieve, admin::characters::update, admin::characters::delete,
        admin::jobs::list, admin::jobs::retrieve, admin::jobs::cancel, admin::jobs::retry, admin::events::follow, admin::audit::list,
        admin::models::list, admin::redeem_codes::list, admin::redeem_codes::create, admin::redeem_codes::delete, admin::ledger::entries,
        admin::ledger::verify, admin::webhooks::dead, admin::webhooks::retry, admin::pool::state, admin::pool::explain,
    ),
    components(schemas(problem::ErrorBody, problem::ErrorObject, problem::FieldProblem)),
    security(("api_key" = [])),
    modifiers(&Secured, &Named, &CodeTable),
)]
struct Document;

struct Secured;

impl Modify for Secured {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = |text: &str| {
            let mut scheme = Http::new(HttpAuthScheme::Bearer);
            scheme.description = Some(text.to_owned());
            SecurityScheme::Http(scheme)
        };
        components.add_security_scheme("api_key", bearer("An API key: `sk-…`"));
        components.add_security_scheme("admin", bearer("An admin session: `admin-…`, from POST /api/login"));
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::auth::COOKIE)));
        components.add_security_scheme("admin_cookie", cookie);
        let admin = vec![security("admin"), security("admin_cookie")];
        for (path, item) in &mut document.paths.paths {
            if path.starts_with("/api/") && path != "/api/login" {
                let verbs = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
                verbs.into_iter().flatten().for_each(|operation| operation.security = Some(admin.clone()));
            }
        }
    }
}

fn security(name: &str) -> utoipa::openapi::security::SecurityRequirement {
    utoipa::openapi::security::SecurityRequirement::new::<_, [&str; 0], &str>(name, [])
}

/// Names each operation by its method and path, since two handlers may share the name of a function.
struct Named;

impl Modify for Named {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let verbs = [("get", &mut item.get), ("post", &mut item.post), ("put", &mut item.put)];
            let verbs = verbs.into_iter().chain([("patch", &mut item.patch), ("delete", &mut item.delete)]);
            for (verb, operation) in verbs {
                let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
                if let Some(operation) = operation {
                    operation.operation_id =
                        Some(std::iter::once(verb).chain(words).collect::<Vec<_>>().join("_"));
                }
            }
        }
    }
}

/// Puts the table of public codes into the document, so that it cannot drift from the code.
struct CodeTable;

impl Modify for CodeTable {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let rows = Code::ALL
            .iter()
            .map(|code| format!("| {} | `{}` | {} |\n", code.status(), code.word(), code.meaning()));
        let table = format!(
            "\n\n## Error codes\n\n| status | code | meaning |\n|---|---|---|\n{}",
            rows.collect::<String>()
        );
        let text = document.info.description.get_or_insert_default();
        text.push_str(&table);
    }
}

/// The OpenAPI document as pretty JSON.
pub fn openapi_json() -> String {
    Document::openapi().to_pretty_json().unwrap_or_default()
}

/// The page at `/docs/`, with all it needs inside the binary.
pub fn page() -> SwaggerUi {
    SwaggerUi::new("/docs/{_:.*}").config(utoipa_swagger_ui::Config::from("/openapi.json"))
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "docs", security(()), responses((status = 200, description = "OpenAPI 3.1")))]
pub async fn openapi_document() -> HttpResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(openapi_json);
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT.as_str())
}

/// The page that shows this document.
#[utoipa::path(get, path = "/docs", tag = "docs", security(()), responses((status = 302, description = "To `/docs/`")))]
pub async fn redirect() -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, "/docs/")).finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::router::ROUTES;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_lists_every_route_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(&openapi_json()).unwrap();
        let mut listed = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                listed.insert((method.clone(), path.clone()));
            }
        }
        let operations = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values());
        let names: BTreeSet<_> =
            operations.filter_map(|operation| operation["operationId"].as_str()).collect();
        assert_eq!(names.len(), listed.len(), "operation ids are unique");
        // A tail such as {id:.+} is written {id} in the document.
        let plain = |path: &str| path.replace(":.+}", "}");
        let served: BTreeSet<_> =
            ROUTES.iter().map(|(method, path)| ((*method).to_owned(), plain(path))).collect();
        assert_eq!(listed, served);
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    }

    #[test]
    fn every_public_code_is_explained() {
        let document = openapi_json();
        for code in Code::ALL {
            assert!(document.contains(&format!("`{}`", code.word())), "{}", code.word());
        }
    }
}
