//! An engine that misbehaves: what is tried again, what is not, and what the client hears.

use crate::support::{
    App,
    answers::{credits, generate, small_with},
    expect_error, small,
};
use serde_json::json;

/// Faults that end a job at once: the code that the client gets, and that no SDK sends it again.
#[actix_rt::test]
async fn a_fault_that_another_account_cannot_mend_ends_the_job_with_its_code() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    for (fault, status, code) in [
        ("content", 400, "content_policy_violation"),
        ("invalid", 422, "upstream_rejected"),
        ("job-lost", 502, "job_lost"),
        ("unknown-outcome", 502, "submit_outcome_unknown"),
        // The last, since the model is then not asked for again for a while.
        ("model-gone", 503, "model_unavailable"),
    ] {
        let answer = generate(&owner.client, &small(&format!("[[fault:{fault}]] a"))).await;
        expect_error(&answer, status, code);
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{fault}: a retry would be a second job");
        assert!(answer.header("x-job-id").is_some(), "{fault}");
        let text = answer.text();
        assert!(!text.contains("account") && !text.contains("studio"), "{fault}: internals leak: {text}");
    }
    assert_eq!(credits(&owner.client).await, (9, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn content_refusals_never_count_against_an_account() {
    let app = App::start().await;
    for _ in 0..12 {
        generate(&app.client(), &small("[[fault:content]]")).await;
    }
    let pool = app.admin().await.get("/api/pool").send().await.unwrap().json();
    for account in pool["accounts"].as_array().unwrap() {
        assert_eq!((&account["health"], &account["faults_in_a_row"]), (&json!("ok"), &json!(0)), "{account}");
    }
    assert_eq!(generate(&app.client(), &small("a")).await.status, 200);
    app.finish().await;
}

#[actix_rt::test]
async fn a_fault_that_passes_is_tried_again_on_another_account_and_charged_once() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    for fault in ["network*1", "network*2"] {
        let answer = generate(&owner.client, &small(&format!("[[fault:{fault}]] a"))).await;
        assert_eq!(answer.status, 200, "{fault}: {}", answer.text());
    }
    assert_eq!(credits(&owner.client).await, (7, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn an_overload_is_waited_out() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let answer = generate(&owner.client, &small("[[fault:overloaded*2]] a")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(credits(&owner.client).await, (8, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_panic_of_the_engine_is_a_failed_attempt_and_not_the_end_of_the_server() {
    let app = App::start().await;
    let owner = app.metered(9).await;
    let answer = generate(&owner.client, &small("[[fault:panic*1]] a")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = generate(&owner.client, &small("[[fault:panic]] b")).await;
    assert!(answer.status >= 500 && !answer.text().contains("panic"), "{}", answer.text());
    assert_eq!(credits(&owner.client).await, (8, 0));
    app.finish().await;
}

#[actix_rt::test]
async fn a_job_that_outlives_its_deadline_fails_and_is_free() {
    let app = App::with(&[("GENERATION__IMAGE_TIMEOUT", "1")]).await;
    let owner = app.metered(9).await;
    let answer = generate(&owner.client, &small("[[delay:30000]] a")).await;
    expect_error(&answer, 504, "timeout");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(credits(&owner.client).await, (9, 0));
    app.finish().await;
}

/// With one slot, jobs of two keys take turns; the job of the one who asked for little does not wait for all of the other's.
#[actix_rt::test]
async fn a_key_with_one_job_does_not_wait_behind_a_key_with_many() {
    let app = App::with(&[("STUDIO__ACCOUNTS", "1"), ("STUDIO__SLOTS", "1")]).await;
    let (greedy, modest) = (app.metered(20).await, app.metered(1).await);
    let slow = small("[[delay:100]] a");
    for _ in 0..12 {
        crate::support::answers::in_background(&greedy.client, slow.clone()).await;
    }
    assert_eq!(generate(&modest.client, &slow).await.status, 200);
    let (spent, held) = credits(&greedy.client).await;
    assert!(held >= 6, "the greedy key was served first: {spent} left, {held} held");
    app.finish().await;
}

#[actix_rt::test]
async fn without_the_switch_a_prompt_steers_nothing() {
    let app = App::with(&[("STUDIO__FAULTS", "false")]).await;
    let answer = generate(&app.client(), &small_with("[[fault:content]]", json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    app.finish().await;
}
