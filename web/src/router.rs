//! Every route, in one table: what the server serves, what the docs list, and what the tests walk.

use crate::{
    admin, docs,
    gateway::Gateway,
    health, media, native,
    observe::{self, REQUEST_ID},
    openai,
    problem::{JOB_ID, Problem, REPLAYED, SHOULD_RETRY},
    share,
};
use actix_cors::Cors;
use actix_web::{
    App, HttpRequest, HttpResponse, Route,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    error::{PathError, QueryPayloadError},
    guard,
    http::header::{self, HeaderValue},
    middleware::from_fn,
    web::{self, Data, PathConfig, QueryConfig, ServiceConfig},
};
use atelier_domain::code::Code;

/// Declares the table: the routes that are served, and their list.
macro_rules! routes {
    ($($path:literal => { $($method:ident $handler:path),+ $(,)? })+) => {
        /// Every route: method and path pattern.
        pub const ROUTES: &[(&str, &str)] = &[$($((stringify!($method), $path)),+),+];

        fn routes(config: &mut ServiceConfig) {
            $(config.service(
                web::resource($path)
                    $(.route(verb(stringify!($method)).to($handler)))+
                    .default_service(web::to(wrong_method)),
            );)+
        }
    };
}

routes! {
    "/v1/images/generations" => { post openai::images::generate }
    "/v1/images/edits" => { post openai::images::edit }
    "/v1/images/variations" => { post openai::images::vary }
    "/v1/images/generate" => { post native::standalone::generate_image }
    "/v1/images/transform" => { post native::standalone::transform_image }
    "/v1/images/jobs/{id}" => { get openai::images::job, delete openai::images::cancel }
    "/v1/videos" => { get openai::videos::list, post openai::videos::create }
    "/v1/videos/generations" => { post openai::videos::generate }
    "/v1/videos/generate" => { post native::standalone::generate_video }
    "/v1/videos/transform" => { post native::standalone::transform_video }
    "/v1/videos/remix" => { post native::standalone::remix_video }
    "/v1/videos/storyboard" => { post native::standalone::storyboard_video }
    "/v1/videos/jobs/{id}" => { get openai::videos::job, delete openai::videos::cancel_job }
    "/v1/videos/characters" => { post openai::videos::create_character }
    "/v1/videos/characters/{id}" => { get openai::videos::retrieve_character, delete openai::videos::delete_character }
    "/v1/videos/edits" => { post openai::videos::edit }
    "/v1/videos/extensions" => { post openai::videos::extend }
    "/v1/videos/{id}" => { get openai::videos::retrieve, delete openai::videos::delete }
    "/v1/videos/{id}/content" => { get openai::videos::content }
    "/v1/videos/{id}/remix" => { post openai::videos::remix }
    "/v1/chat/completions" => { post openai::chat::create }
    "/v1/responses" => { post openai::responses::create }
    "/v1/responses/{id}" => { get openai::responses::retrieve, delete openai::responses::delete }
    "/v1/responses/{id}/cancel" => { post openai::responses::cancel }
    "/v1/files" => { get openai::files::list, post openai::files::create }
    "/v1/files/{id}" => { get openai::files::retrieve, delete openai::files::delete }
    "/v1/files/{id}/content" => { get openai::files::content }
    "/v1/models" => { get openai::models::list }
    "/v1/firefly/models" => { get native::engine_models::firefly }
    "/v1/models/{id:.+}" => { get openai::models::retrieve }
    "/v1/characters" => { get native::characters::list, post native::characters::create }
    "/v1/characters/search" => { get native::profiles::search }
    "/v1/characters/create" => { post native::standalone::create_character }
    "/v1/characters/generate" => { post native::standalone::generate_with_character }
    "/v1/characters/{id}" => { get native::characters::retrieve, delete native::characters::delete }
    "/v1/jobs" => { get native::jobs::list }
    "/v1/jobs/{id}" => { get native::jobs::retrieve }
    "/v1/jobs/{id}/events" => { get native::job_events::events }
    "/v1/jobs/{id}/cancel" => { post native::jobs::cancel }
    "/v1/tasks" => { get native::tasks::list }
    "/v1/tasks/{id}" => { get native::tasks::retrieve }
    "/v1/jobs/{id}/publish" => { post native::posts::publish, delete native::posts::unpublish }
    "/v1/posts/{id}" => { get native::posts::retrieve }
    "/v1/posts/{id}/like" => { post native::posts::like, delete native::posts::unlike }
    "/v1/posts/{id}/remixes" => { get native::posts::remixes }
    "/v1/profiles/{username}" => { get native::profiles::retrieve }
    "/v1/users/{user_id}/feed" => { get native::feeds::of_user }
    "/v1/feed" => { get native::feeds::public }
    "/v1/enhance_prompt" => { post native::enhance::enhance_prompt }
    "/v1/invite-codes" => { get native::figures::invite_codes }
    "/v1/stats" => { get native::figures::stats }
    "/v1/tokens/{id}/pending-tasks" => { get native::tokens::pending_tasks }
    "/v1/tokens/{id}/pending-tasks-v2" => { get native::tokens::pending_tasks_v2 }
    "/v1/tokens/{id}/tasks/{task_id}" => { get native::tokens::task }
    "/v1/tokens/{id}/profile-feed" => { get native::feeds::of_account }
    "/v1/credits" => { get native::credits::balance }
    "/v1/credits/redeem" => { post native::credits::redeem }
    "/v1/credits/entries" => { get native::credits::entries }
    "/v1/quote" => { post native::quote::quote }
    "/v1/health" => { get health::v1_health }
    "/health" => { get health::health }
    "/metrics" => { get health::figures }
    "/p/{id}" => { get share::page }
    "/media/{file}" => { get media::file }
    "/openapi.json" => { get docs::openapi_document }
    "/docs" => { get docs::redirect }
    "/api/login" => { post admin::session::login }
    "/api/logout" => { post admin::session::logout }
    "/api/keys" => { get admin::keys::list, post admin::keys::create }
    "/api/keys/{id}" => { get admin::keys::retrieve, patch admin::keys::update, put admin::keys::replace, delete admin::keys::delete }
    "/api/keys/{id}/rotate" => { post admin::keys::rotate }
    "/api/keys/{id}/credits" => { post admin::keys::credits }
    "/api/tokens" => { get admin::accounts::one::list, post admin::accounts::one::create }
    "/api/tokens/batch-add" => { post admin::accounts::many::add }
    "/api/tokens/batch-test" => { post admin::accounts::many::test }
    "/api/tokens/batch-enable" => { post admin::accounts::many::enable }
    "/api/tokens/batch-disable" => { post admin::accounts::many::disable }
    "/api/tokens/batch-activate" => { post admin::accounts::activate::activate_all }
    "/api/tokens/batch-activate-username" => { post admin::accounts::activate::activate_all_usernames }
    "/api/tokens/batch-delete-disabled" => { delete admin::accounts::many::delete_disabled }
    "/api/tokens/import" => { post admin::accounts::many::import }
    "/api/tokens/st2at" => { post admin::accounts::convert::session }
    "/api/tokens/rt2at" => { post admin::accounts::convert::refresh }
    "/api/tokens/{id}" => { get admin::accounts::one::retrieve, put admin::accounts::one::update, delete admin::accounts::one::delete }
    "/api/tokens/{id}/status" => { put admin::accounts::one::status }
    "/api/tokens/{id}/enable" => { post admin::accounts::one::enable }
    "/api/tokens/{id}/disable" => { post admin::accounts::one::disable }
    "/api/tokens/{id}/test" => { post admin::accounts::one::test }
    "/api/tokens/{id}/sora2/activate" => { post admin::accounts::activate::activate }
    "/api/tokens/{id}/activate-username" => { post admin::accounts::activate::activate_username }
    "/api/admin/config" => { get admin::settings::general::show, post admin::settings::general::change }
    "/api/admin/password" => { post admin::settings::general::password }
    "/api/admin/apikey" => { post admin::settings::general::api_key }
    "/api/admin/debug" => { post admin::settings::general::debug }
    "/api/token-refresh/config" => { get admin::settings::general::refresh }
    "/api/token-refresh/enabled" => { post admin::settings::general::set_refresh }
    "/api/proxy/config" => { get admin::settings::proxies::show, post admin::settings::proxies::change }
    "/api/proxy/pool" => { get admin::settings::proxies::pool, post admin::settings::proxies::set_pool }
    "/api/generation/timeout" => { get admin::settings::media::timeouts, post admin::settings::media::set_timeouts }
    "/api/cache/config" => { get admin::settings::media::cache, post admin::settings::media::set_cache }
    "/api/cache/base-url" => { post admin::settings::media::set_base_url }
    "/api/cache/enabled" => { post admin::settings::media::set_cache_enabled }
    "/api/watermark-free/config" => { get admin::settings::upstreams::watermark, post admin::settings::upstreams::set_watermark }
    "/api/cloudflare/state" => { get admin::settings::clearance::state }
    "/api/cloudflare/refresh" => { post admin::settings::clearance::refresh }
    "/api/cloudflare/clear" => { post admin::settings::clearance::clear }
    "/api/cloudflare/config" => { get admin::settings::upstreams::cloudflare, post admin::settings::upstreams::set_cloudflare }
    "/api/stats" => { get admin::logs::stats }
    "/api/logs" => { get admin::logs::list, delete admin::logs::clear }
    "/api/characters" => { get admin::characters::list }
    "/api/characters/by-token/{id}" => { get admin::characters::by_token }
    "/api/characters/{cameo_id}" => { get admin::characters::retrieve, delete admin::characters::delete }
    "/api/characters/{cameo_id}/update" => { post admin::characters::update }
    "/api/jobs" => { get admin::jobs::list }
    "/api/jobs/{id}" => { get admin::jobs::retrieve }
    "/api/jobs/{id}/cancel" => { post admin::jobs::cancel }
    "/api/jobs/{id}/retry" => { post admin::jobs::retry }
    "/api/events" => { get admin::events::follow }
    "/api/audit" => { get admin::audit::list }
    "/api/models" => { get admin::models::list }
    "/api/redeem-codes" => { get admin::redeem_codes::list, post admin::redeem_codes::create }
    "/api/redeem-codes/{id}" => { delete admin::redeem_codes::delete }
    "/api/ledger/entries" => { get admin::ledger::entries }
    "/api/ledger/verify" => { get admin::ledger::verify }
    "/api/webhooks/dead" => { get admin::webhooks::dead }
    "/api/webhooks/dead/{id}/retry" => { post admin::webhooks::retry }
    "/api/pool" => { get admin::pool::state }
    "/api/pool/explain" => { get admin::pool::explain }
}

/// A route for a method; what answers GET answers HEAD as well.
fn verb(method: &str) -> Route {
    match method {
        "get" => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        "post" => web::post(),
        "put" => web::put(),
        "patch" => web::patch(),
        _ => web::delete(),
    }
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    use actix_web::ResponseError;
    let message = format!("{} does not answer {}", request.path(), request.method());
    let mut response = Problem::new(Code::MethodNotAllowed, message).error_response();
    let pattern = request.match_pattern().unwrap_or_default();
    let methods =
        ROUTES.iter().filter(|(_, path)| *path == pattern).map(|(method, _)| method.to_ascii_uppercase());
    if let Ok(allowed) = HeaderValue::from_str(&methods.collect::<Vec<_>>().join(", ")) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

async fn no_route(request: HttpRequest) -> HttpResponse {
    use actix_web::ResponseError;
    let path: String = request.path().chars().take(120).collect();
    Problem::new(Code::RouteNotFound, format!("there is nothing at {path}: /docs lists what there is"))
        .error_response()
}

fn bad_path(_: PathError, _: &HttpRequest) -> actix_web::Error {
    Problem::new(Code::RouteNotFound, "this path cannot be read").into()
}

fn bad_query(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    Problem::field("query", format!("the query cannot be read: {error}")).into()
}

fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers([REQUEST_ID, JOB_ID, SHOULD_RETRY, REPLAYED, header::RETRY_AFTER])
        .expose_headers([header::ETAG, header::CONTENT_RANGE, header::ACCEPT_RANGES])
        .max_age(3600);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin().send_wildcard();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// The whole application over a gateway.
pub fn app(
    gateway: Gateway,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let cors = cors(&gateway.cors_origins);
    App::new()
        .app_data(Data::new(gateway))
        .app_data(PathConfig::default().error_handler(bad_path))
        .app_data(QueryConfig::default().error_handler(bad_query))
        .configure(routes)
        .service(docs::page())
        .default_service(web::to(no_route))
        .wrap(cors)
        .wrap(from_fn(admin::audit::record))
        .wrap(from_fn(observe::observe))
}
