//! Credit: held when a job is accepted, charged for what was made, given back for what was not, and never below zero.

use crate::support::{
    App,
    answers::{credits, generate, in_background, small_with},
    expect_error, small,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// The acceptance test of the ledger: a balance of five cannot be spent six times, however many try at once.
#[actix_rt::test]
async fn five_credits_buy_exactly_five_of_two_hundred_concurrent_calls() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let body = small("five of these");
    let answers = join_all((0..200).map(|_| generate(&owner.client, &body))).await;
    let paid: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(paid.len(), 5);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        expect_error(answer, 402, "insufficient_credits");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.json()["error"]["type"], "insufficient_quota");
    }
    assert_eq!(credits(&owner.client).await, (0, 0));
    let left: Vec<_> =
        paid.iter().map(|answer| answer.json()["usage"]["credits_remaining"].as_i64()).collect();
    assert!(left.iter().all(|left| left.is_some_and(|left| (0..5).contains(&left))), "{left:?}");
    app.finish().await;
}

#[actix_rt::test]
async fn a_failed_job_costs_nothing_and_n_pictures_cost_n() {
    let app = App::start().await;
    let owner = app.metered(10).await;
    expect_error(
        &generate(&owner.client, &small("[[fault:content]]")).await,
        400,
        "content_policy_violation",
    );
    assert_eq!(credits(&owner.client).await, (10, 0));
    let answer = generate(&owner.client, &small_with("a", json!({ "n": 3 }))).await.json();
    let usage = &answer["usage"];
    assert_eq!((&usage["credits_charged"], &usage["credits_remaining"]), (&json!(3), &json!(7)), "{usage}");
    assert_eq!(credits(&owner.client).await, (7, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn what_does_not_fit_the_balance_is_refused_whole() {
    let app = App::start().await;
    let owner = app.metered(2).await;
    let answer = generate(&owner.client, &small_with("a", json!({ "n": 3 }))).await;
    expect_error(&answer, 402, "insufficient_credits");
    assert!(answer.header("x-job-id").is_none());
    assert_eq!(credits(&owner.client).await, (2, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_quote_is_what_is_held_and_large_pictures_cost_five() {
    let app = App::start().await;
    let owner = app.metered(100).await;
    for (size, n, price, rule) in [
        ("1024x1024", 1, 1, "image"),
        ("1024x1024", 4, 4, "image"),
        ("2560x1440", 1, 1, "image"),
        ("2560x1456", 1, 5, "image-large"),
        ("3840x2160", 2, 10, "image-4k"),
    ] {
        let body = json!({ "model": "gpt-image-2", "size": size, "n": n, "prompt": "[[delay:60000]] held" });
        let mut quoted = body.clone();
        quoted["endpoint"] = "/v1/images/generations".into();
        let quote = owner.client.post("/v1/quote", &quoted).send().await.unwrap().json();
        assert_eq!((&quote["price"], &quote["rule"]), (&json!(price), &json!(rule)), "{quote}");
        assert_eq!(quote["currency"], "credits");
        assert_eq!((&quote["facts"]["size"], &quote["facts"]["n"]), (&json!(size), &json!(n)), "{quote}");
        assert_eq!(credits(&owner.client).await, (100, 0), "a quote holds nothing");
        let id = in_background(&owner.client, body).await;
        assert_eq!(credits(&owner.client).await, (100 - price, price), "{size} n={n}");
        owner.client.delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
        assert_eq!(credits(&owner.client).await, (100, 0));
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_quote_for_a_video_is_what_is_held() {
    let app = App::start().await;
    let owner = app.metered(10).await;
    let body = json!({ "prompt": "[[delay:60000]] held", "seconds": "12", "size": "720x1280" });
    let mut quoted = body.clone();
    quoted["endpoint"] = "/v1/videos".into();
    let quote = owner.client.post("/v1/quote", &quoted).send().await.unwrap().json();
    assert_eq!((&quote["price"], &quote["rule"]), (&json!(5), &json!("video")), "{quote}");
    assert_eq!(
        (&quote["facts"]["seconds"], &quote["facts"]["size"]),
        (&json!(12), &json!("720x1280")),
        "{quote}"
    );
    assert_eq!(credits(&owner.client).await, (10, 0), "a quote holds nothing");
    let video = owner.client.post("/v1/videos", &body).send().await.unwrap().json();
    assert_eq!(credits(&owner.client).await, (5, 5));
    owner.client.delete(&format!("/v1/videos/{}", video["id"].as_str().unwrap())).send().await.unwrap();
    assert_eq!(credits(&owner.client).await, (10, 0));
    quoted["seconds"] = "5".into();
    expect_error(&owner.client.post("/v1/quote", &quoted).send().await.unwrap(), 422, "bad_duration");
    app.finish().await;
}

#[actix_rt::test]
async fn a_quote_refuses_what_the_endpoint_would_refuse() {
    let app = App::start().await;
    let quote = |body: Value| app.client().post("/v1/quote", &body).send();
    expect_error(&quote(json!({ "prompt": "a", "size": "1x1" })).await.unwrap(), 422, "bad_size");
    expect_error(
        &quote(json!({ "prompt": "a", "endpoint": "/v1/nothing" })).await.unwrap(),
        422,
        "bad_endpoint",
    );
    expect_error(
        &quote(json!({ "endpoint": "/v1/images/generations" })).await.unwrap(),
        400,
        "missing_prompt",
    );
    app.finish().await;
}

#[actix_rt::test]
async fn the_statement_tells_every_movement_page_by_page() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    generate(&owner.client, &small_with("a", json!({ "n": 2 }))).await;
    generate(&owner.client, &small("[[fault:content]]")).await;
    let page = async |query: &str| {
        owner.client.get(&format!("/v1/credits/entries?{query}")).send().await.unwrap().json()
    };
    let all = page("limit=100").await;
    let entries: Vec<_> = all["data"].as_array().unwrap().clone();
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["release", "hold", "capture", "hold", "top_up"], "newest first");
    let movement: Vec<_> = entries
        .iter()
        .map(|entry| (entry["amount"].as_i64().unwrap(), entry["held"].as_i64().unwrap()))
        .collect();
    assert_eq!(movement, [(1, -1), (-1, 1), (0, -2), (-2, 2), (5, 0)]);
    assert_eq!(entries[0]["job"], entries[1]["job"]);
    assert!(entries[4]["job"].is_null());
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let found = page(&format!("limit=2{after}")).await;
        paged.extend(found["data"].as_array().unwrap().clone());
        if found["has_more"] != true {
            break;
        }
        after = format!("&after={}", found["last_id"]);
    }
    assert_eq!(paged, entries, "pages neither repeat nor skip");
    app.finish().await;
}

#[actix_rt::test]
async fn grants_add_deductions_stop_at_zero_and_held_credit_cannot_be_taken() {
    let app = App::start().await;
    let owner = app.metered(5).await;
    let admin = app.admin().await;
    let path = format!("/api/keys/{}/credits", owner.id);
    let grant = |amount: Value| admin.post(&path, &json!({ "amount": amount, "reason": "a story" })).send();
    assert_eq!(grant(json!(3)).await.unwrap().json()["balance"], 8);
    assert_eq!(grant(json!(-2)).await.unwrap().json()["balance"], 6);
    let id = in_background(&owner.client, small_with("[[delay:60000]] a", json!({ "n": 4 }))).await;
    expect_error(&grant(json!(-3)).await.unwrap(), 409, "below_zero");
    assert_eq!(credits(&owner.client).await, (2, 4));
    assert_eq!(grant(json!(-2)).await.unwrap().json()["balance"], 0);
    owner.client.delete(&format!("/v1/images/jobs/{id}")).send().await.unwrap();
    assert_eq!(credits(&owner.client).await, (4, 0));
    for wrong in [json!(0), json!("many"), json!(1.5), json!(null), json!(1e300)] {
        expect_error(&grant(wrong).await.unwrap(), 422, "bad_amount");
    }
    let nobody =
        admin.post("/api/keys/key_00000000000070008000000000000000/credits", &json!({ "amount": 1 }));
    expect_error(&nobody.send().await.unwrap(), 404, "key_not_found");
    app.finish().await;
}

#[actix_rt::test]
async fn an_unmetered_key_is_told_nothing_about_credit() {
    let app = App::start().await;
    let usage = generate(&app.client(), &small("a")).await.json()["usage"].clone();
    assert!(usage.get("credits_charged").is_none() && usage.get("credits_remaining").is_none(), "{usage}");
    assert!(usage["input_tokens_details"]["image_tokens"].is_u64(), "LiteLLM needs the details: {usage}");
    let credits = app.client().get("/v1/credits").send().await.unwrap().json();
    assert_eq!((&credits["balance"], &credits["currency"]), (&json!(0), &json!("credits")));
    app.finish().await;
}

#[actix_rt::test]
async fn what_was_made_of_several_is_charged_and_the_rest_is_told() {
    let app = App::start().await;
    let owner = app.metered(10).await;
    let body = small_with("three foxes [[fault:content#2]]", json!({ "n": 3 }));
    let answer = generate(&owner.client, &body).await;
    let images = answer.json();
    assert_eq!((answer.status, images["data"].as_array().unwrap().len()), (200, 2), "{}", answer.text());
    assert_eq!(images["usage"]["credits_charged"], 2);
    assert_eq!((&images["incomplete"]["requested"], &images["incomplete"]["made"]), (&json!(3), &json!(2)));
    assert_eq!(credits(&owner.client).await, (8, 0));
    let all = small_with("two foxes [[fault:content#1]][[fault:content#2]]", json!({ "n": 2 }));
    expect_error(&generate(&owner.client, &all).await, 400, "content_policy_violation");
    let whole = generate(&owner.client, &small_with("two foxes", json!({ "n": 2 }))).await.json();
    assert!(whole.get("incomplete").is_none());
    assert_eq!(credits(&owner.client).await, (6, 0));
    app.finish().await;
}
