//! What operators and browsers rely on: health, figures, the document and its page, CORS, request ids, forgiving paths.

use crate::support::{
    App,
    answers::{generate, small_with},
    small,
};
use awc::http::Method;
use serde_json::json;

#[actix_rt::test]
async fn health_is_open_and_says_how_it_is() {
    let app = App::start().await;
    let owner = app.metered(12).await;
    for path in ["/health", "/v1/health"] {
        let answer = app.stranger().get(path).send().await.unwrap();
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["status"], &body["accounts_active"]),
            (200, &json!("ok"), &json!(3)),
            "{body}"
        );
        assert_eq!(
            (&body["total_credits"], &body["version"]),
            (&json!(12), &json!(env!("CARGO_PKG_VERSION")))
        );
        assert!(body["uptime_s"].is_u64());
    }
    drop(owner);
    app.finish().await;
}

#[actix_rt::test]
async fn the_promised_figures_are_there_and_move() {
    let app = App::start().await;
    generate(&app.client(), &small("a")).await;
    let text = app.stranger().get("/metrics").send().await.unwrap().text();
    for series in [
        "atelier_http_requests_total{",
        "atelier_http_request_seconds_bucket{",
        "atelier_jobs{",
        "atelier_jobs_ended_total{",
        "atelier_commit_queue",
        "atelier_queue_depth",
        "atelier_lease_wait_seconds_bucket",
        "atelier_commit_seconds_bucket",
        "atelier_commit_group_size_bucket",
    ] {
        let is_there = text.lines().any(|line| line.starts_with(series));
        let like: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE atelier")).collect();
        assert!(is_there, "{series} is not there; there are {like:#?}");
    }
    let ended = "atelier_jobs_ended_total{state=\"completed\"";
    let before = app.figure(ended).await;
    generate(&app.client(), &small("b")).await;
    assert!(app.figure(ended).await >= before + 1.0);
    assert!(!text.contains("job_0"), "one series per job would never end");
    app.finish().await;
}

#[actix_rt::test]
async fn figures_can_be_locked_or_switched_off() {
    let app = App::with(&[("METRICS__TOKEN", "scrape-me")]).await;
    crate::support::expect_error(
        &app.stranger().get("/metrics").send().await.unwrap(),
        401,
        "invalid_session",
    );
    crate::support::expect_error(&app.client().get("/metrics").send().await.unwrap(), 401, "invalid_session");
    assert_eq!(app.stranger().with_token("scrape-me").get("/metrics").send().await.unwrap().status, 200);
    app.finish().await;
    let app = App::with(&[("METRICS__ENABLED", "false")]).await;
    crate::support::expect_error(
        &app.stranger().get("/metrics").send().await.unwrap(),
        404,
        "route_not_found",
    );
    app.finish().await;
}

#[actix_rt::test]
async fn the_document_and_its_page_are_served_whole() {
    let app = App::start().await;
    let stranger = app.stranger();
    let document = stranger.get("/openapi.json").send().await.unwrap();
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert!(document.json()["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document.json()["paths"]["/v1/images/generations"]["post"].is_object());
    let moved = stranger.get("/docs").send().await.unwrap();
    assert_eq!((moved.status, moved.header("location")), (302, Some("/docs/")));
    let page = stranger.get("/docs/").send().await.unwrap();
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("swagger-ui"), "{text}");
    assert!(!text.contains("https://"), "the page must load nothing from elsewhere");
    for asset in text.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
        let asset = asset.trim_start_matches("./");
        let answer = stranger.get(&format!("/docs/{asset}")).send().await.unwrap();
        assert!(answer.status == 200 && !answer.body.is_empty(), "{asset}: {}", answer.status);
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_page_of_another_origin_may_ask_and_read_the_ids() {
    let app = App::start().await;
    let preflight = app
        .stranger()
        .call(Method::OPTIONS, "/v1/images/generations")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key,x-stainless-lang",
        );
    let answer = preflight.send().await.unwrap();
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")), "{answer:?}");
    assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("idempotency-key"));
    assert!(
        answer.header("access-control-allow-credentials").is_none(),
        "any origin must not get the cookie"
    );
    for body in [small("a"), small_with("a", json!({ "n": 11 }))] {
        let call = app.client().post("/v1/images/generations", &body).header("origin", "https://app.example");
        let answer = call.send().await.unwrap();
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "a page could not read the error"
        );
        let exposed = answer.header("access-control-expose-headers").unwrap().to_lowercase();
        assert!(exposed.contains("x-request-id") && exposed.contains("x-job-id"), "{exposed}");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn only_listed_origins_may_ask_when_there_is_a_list() {
    let app = App::with(&[("SERVER__CORS_ORIGINS", "https://app.example")]).await;
    let from = |origin: &str| app.client().get("/v1/models").header("origin", origin).send();
    let good = from("https://app.example").await.unwrap();
    assert_eq!(good.header("access-control-allow-origin"), Some("https://app.example"));
    let bad = from("https://evil.example").await.unwrap();
    assert_eq!(bad.header("access-control-allow-origin"), None);
    app.finish().await;
}

#[actix_rt::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let app = App::start().await;
    let mut seen = std::collections::BTreeSet::new();
    for (method, path) in [
        (Method::GET, "/health"),
        (Method::GET, "/v1/models"),
        (Method::GET, "/v1/nothing"),
        (Method::PUT, "/v1/models"),
        (Method::POST, "/v1/images/generations"),
        (Method::GET, "/media/x"),
        (Method::GET, "/api/keys"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/docs/"),
        (Method::GET, "/metrics"),
        (Method::OPTIONS, "/v1/models"),
    ] {
        let answer = app.stranger().call(method.clone(), path).send().await.unwrap();
        let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
        assert!(id.starts_with("req_") && seen.insert(id.to_owned()), "{method} {path}: {id}");
        assert!(answer.status < 500, "{method} {path}: {}", answer.status);
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_base_url_without_v1_or_with_two_works() {
    let app = App::start().await;
    let client = app.client();
    for prefix in ["", "/v1", "/v1/v1"] {
        let answer = client.post(&format!("{prefix}/images/generations"), &small("a")).send().await.unwrap();
        assert_eq!(answer.status, 200, "{prefix}: {}", answer.text());
        let job = answer.header("x-job-id").unwrap();
        for path in ["/models", "/models/gpt-image-2", "/credits", &format!("/images/jobs/{job}")] {
            let answer = client.get(&format!("{prefix}{path}")).send().await.unwrap();
            assert_eq!(answer.status, 200, "{prefix}{path}: {}", answer.text());
        }
    }
    app.finish().await;
}

#[actix_rt::test]
async fn the_models_are_listed_with_what_a_client_needs_to_choose() {
    let app = App::start().await;
    let list = app.client().get("/v1/models").send().await.unwrap().json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap();
    for model in models {
        assert_eq!(model["object"], "model");
        for key in ["id", "owned_by", "description", "kind"] {
            assert!(model[key].is_string(), "{key}: {model}");
        }
        assert!(model["created"].is_i64() && model.get("shutdown_date").is_some(), "{model}");
        let id = model["id"].as_str().unwrap();
        let one = app.client().get(&format!("/v1/models/{id}")).send().await.unwrap().json();
        assert_eq!(&one, model);
    }
    let names: Vec<_> = models.iter().map(|model| model["id"].as_str().unwrap()).collect();
    for name in [
        "gpt-image-2",
        "gpt-image-1",
        "dall-e-3",
        "dall-e-2",
        "nano-banana-3",
        "gemini-2.5-flash",
        "sora-image",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    app.finish().await;
}
