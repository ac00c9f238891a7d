//! The operator's desk beyond accounts and settings: jobs of all keys, what changes as it changes, what was done, codes that give credit.

use crate::support::{
    App,
    answers::{credits, ended, generate, in_background, until},
    expect_error, small,
};
use atelier_sim::client::{Client, Reply};
use awc::http::Method;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

async fn get(client: &Client, path: &str) -> Value {
    let answer = client.get(path).send().await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[actix_rt::test]
async fn jobs_of_all_keys_are_found_ended_and_done_again_at_their_keys_cost() {
    let app = App::with(&[("STUDIO__ACCOUNTS", "1")]).await;
    let (admin, owner) = (app.admin().await, app.metered(10).await);
    generate(&app.client(), &small("somebody else's")).await;
    expect_error(&generate(&owner.client, &small("[[fault:job-lost]] lost")).await, 502, "job_lost");
    let open = in_background(&owner.client, small("[[delay:60000]] slow")).await;
    until(&owner.client, &open, &["running"]).await;
    let all = get(&admin, "/api/jobs").await;
    assert_eq!(all["data"].as_array().unwrap().len(), 3, "{all}");
    let mine = get(&admin, &format!("/api/jobs?key={}", owner.id)).await;
    assert_eq!(mine["data"].as_array().unwrap().len(), 2);
    assert_eq!(mine["data"][0]["key_name"], "metered");
    let failed = get(&admin, &format!("/api/jobs?key={}&status=failed", owner.id)).await;
    let lost = ids(&failed).remove(0);
    assert_eq!(
        (&failed["data"][0]["error_code"], &failed["data"][0]["charged"]),
        (&json!("job_lost"), &json!(0))
    );
    for (query, many) in [
        ("status=in_progress", 1),
        ("status=completed", 1),
        ("kind=image", 3),
        ("kind=video", 0),
        ("model=nano-banana-3", 3),
        ("model=none", 0),
        ("account=1", 3),
    ] {
        assert_eq!(ids(&get(&admin, &format!("/api/jobs?{query}")).await).len(), many, "{query}");
    }
    let first = get(&admin, "/api/jobs?limit=2").await;
    let rest = get(&admin, &format!("/api/jobs?limit=2&before={}", first["next"].as_str().unwrap())).await;
    assert_eq!([ids(&first), ids(&rest)].concat(), ids(&all));
    assert_eq!((&first["has_more"], &rest["has_more"]), (&json!(true), &json!(false)));
    for (query, status, code) in [
        ("status=odd", 422, "bad_status"),
        ("kind=song", 422, "bad_kind"),
        ("key=x", 422, "bad_key"),
        ("limit=0", 422, "bad_limit"),
        ("limit=501", 422, "bad_limit"),
        ("before=x", 422, "bad_before"),
        ("account=99", 404, "account_not_found"),
    ] {
        expect_error(&admin.get(&format!("/api/jobs?{query}")).send().await.unwrap(), status, code);
    }
    let again = |id: &str| admin.post(&format!("/api/jobs/{id}/retry"), &json!({})).send();
    expect_error(&again(&open).await.unwrap(), 409, "job_open");
    let cancelled = admin.post(&format!("/api/jobs/{open}/cancel"), &json!({})).send().await.unwrap().json();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(credits(&owner.client).await, (10, 0));
    let retried = again(&lost).await.unwrap();
    assert_eq!(retried.status, 202, "{}", retried.text());
    let new = retried.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(retried.header("x-job-id"), Some(new.as_str()));
    // The prompt still asks for the fault: it fails again, and the old job stays as it ended.
    assert_eq!(ended(&owner.client, &new).await["status"], "failed");
    assert_eq!(get(&admin, &format!("/api/jobs/{lost}")).await["status"], "failed");
    assert_eq!(credits(&owner.client).await, (10, 0));
    for id in ["job_00000000000070008000000000000000", "x"] {
        expect_error(&admin.get(&format!("/api/jobs/{id}")).send().await.unwrap(), 404, "job_not_found");
        expect_error(&again(id).await.unwrap(), 404, "job_not_found");
        let cancel = admin.post(&format!("/api/jobs/{id}/cancel"), &json!({})).send().await.unwrap();
        expect_error(&cancel, 404, "job_not_found");
    }
    app.finish().await;
}

#[actix_rt::test]
async fn an_edit_done_again_has_files_of_its_own_and_is_charged_once_more() {
    let app = App::start().await;
    let (admin, owner) = (app.admin().await, app.metered(10).await);
    let picture = STANDARD.encode(crate::support::pictures::drawn(64, 64, 1));
    let picture = format!("data:image/png;base64,{picture}");
    let edit =
        json!({ "model": "nano-banana", "size": "256x256", "prompt": "x".repeat(6_000), "image": picture });
    let made = owner.client.post("/v1/images/edits", &edit).send().await.unwrap();
    assert_eq!(made.status, 200, "{}", made.text());
    let job = made.header("x-job-id").unwrap().to_owned();
    assert_eq!(credits(&owner.client).await, (9, 0));
    let new = admin.post(&format!("/api/jobs/{job}/retry"), &json!({})).send().await.unwrap().json();
    let new = new["id"].as_str().unwrap_or_else(|| panic!("{new}"));
    assert_eq!(ended(&owner.client, new).await["status"], "succeeded");
    assert_eq!(credits(&owner.client).await, (8, 0));
    app.finish().await;
}

/// Reads events until one satisfies `wanted`.
async fn heard(reply: &mut Reply, text: &mut String, wanted: impl Fn(&str) -> bool) -> String {
    loop {
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            if wanted(&event) {
                return event;
            }
        }
        let chunk = reply.chunk().await.expect("the stream ended").unwrap();
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
}

#[actix_rt::test]
async fn pages_hear_of_jobs_accounts_and_balances_and_go_on_where_they_were() {
    let app = App::start().await;
    let (admin, owner) = (app.admin().await, app.metered(10).await);
    let mut stream = admin.get("/api/events").begin().await.unwrap();
    assert_eq!(stream.status, 200);
    let mut text = String::new();
    heard(&mut stream, &mut text, |event| event.starts_with("retry:")).await;
    generate(&owner.client, &small("a")).await;
    // Money and jobs are told by different rooms: in which order is nobody's promise.
    let (mut done, mut balance) = (None, None);
    while done.is_none() || balance.is_none() {
        let event = heard(&mut stream, &mut text, |_| true).await;
        if event.contains("event: job\n") && event.contains("\"completed\"") {
            done = Some(event);
        } else if event.contains("event: balance\n") && event.contains("\"balance\":9") {
            balance = Some(event);
        }
    }
    assert!(done.unwrap().contains(&owner.id) && balance.unwrap().contains(&owner.id));
    admin.post("/api/tokens/1/disable", &json!({})).send().await.unwrap();
    let off = heard(&mut stream, &mut text, |e| e.contains("event: account\n")).await;
    assert!(off.contains("\"is_active\":false") && off.contains("\"manual\""), "{off}");
    let last = off.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    drop(stream);
    admin.post("/api/tokens/1/enable", &json!({})).send().await.unwrap();
    let mut back = admin.get("/api/events").header("last-event-id", &last).begin().await.unwrap();
    let mut text = String::new();
    let missed = heard(&mut back, &mut text, |e| e.contains("event: account\n")).await;
    assert!(missed.contains("\"is_active\":true"), "{missed}");
    for gap in ["1-5", "nonsense"] {
        let mut lost = admin.get("/api/events").header("last-event-id", gap).begin().await.unwrap();
        heard(&mut lost, &mut String::new(), |e| e.contains("event: reset\n")).await;
    }
    app.finish().await;
}

#[actix_rt::test]
async fn what_administrators_do_is_written_down_with_who_what_and_from_where_and_without_secrets() {
    let app = App::start().await;
    let admin = app.admin().await;
    let wrong = json!({ "username": "planted-name", "password": "planted-password" });
    app.stranger().post("/api/login", &wrong).send().await.unwrap();
    let key = json!({ "name": "shop", "credits": 5 });
    let key = admin.post("/api/keys", &key).send().await.unwrap().json();
    let token = json!({ "provider": "studio", "token": "planted-token-0123456789" });
    admin.post("/api/tokens", &token).send().await.unwrap();
    let proxy = json!({ "proxy_url": "http://planted:planted@p:1" });
    admin.post("/api/proxy/config", &proxy).send().await.unwrap();
    admin.post("/api/tokens/1/disable", &json!({})).send().await.unwrap();
    expect_error(&admin.delete("/api/tokens/99").send().await.unwrap(), 404, "account_not_found");
    // Reading, strangers and clients leave nothing.
    get(&admin, "/api/tokens").await;
    app.stranger().post("/api/tokens", &token).send().await.unwrap();
    app.client().call(Method::DELETE, "/api/tokens/1").send().await.unwrap();
    let trail = get(&admin, "/api/audit").await;
    let told: Vec<_> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deed| {
            (
                deed["action"].as_str().unwrap(),
                deed["who"].as_str(),
                deed["target"].as_str(),
                deed["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("DELETE /api/tokens/{id}", Some("admin"), Some("99"), 404),
            ("POST /api/tokens/{id}/disable", Some("admin"), Some("1"), 200),
            ("POST /api/proxy/config", Some("admin"), None, 200),
            ("POST /api/tokens", Some("admin"), None, 200),
            ("POST /api/keys", Some("admin"), None, 201),
            ("POST /api/login", None, None, 401),
            ("POST /api/login", Some("admin"), None, 200),
        ]
    );
    assert!(trail["data"].as_array().unwrap().iter().all(|deed| deed["from"] == "127.0.0.1"));
    assert!(trail["data"][4]["note"].as_str().unwrap().contains(key["id"].as_str().unwrap()));
    assert!(!trail.to_string().contains("planted"), "{trail}");
    let before = trail["data"][1]["id"].as_str().unwrap();
    let page = get(&admin, &format!("/api/audit?limit=1&before={before}")).await;
    assert_eq!((&page["data"][0]["id"], &page["has_more"]), (&trail["data"][2]["id"], &json!(true)));
    for (query, code) in [("limit=0", "bad_limit"), ("limit=1001", "bad_limit"), ("before=x", "bad_before")] {
        expect_error(&admin.get(&format!("/api/audit?{query}")).send().await.unwrap(), 422, code);
    }
    app.finish().await;
}

#[actix_rt::test]
async fn a_code_gives_its_credit_once_and_the_journal_says_so() {
    let app = App::start().await;
    let (admin, owner, other) = (app.admin().await, app.metered(1).await, app.metered(0).await);
    let made = admin
        .post("/api/redeem-codes", &json!({ "amount": 20, "count": 2, "name": "spring" }))
        .send()
        .await
        .unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let codes: Vec<_> =
        made["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    let redeem = async |client: &Client, code: &str| {
        client.post("/v1/credits/redeem", &json!({ "code": code })).send().await.unwrap()
    };
    let credited = redeem(&owner.client, &codes[0].to_lowercase()).await.json();
    assert_eq!(credited, json!({ "credited": 20, "balance": 21, "held": 0, "currency": "credits" }));
    expect_error(&redeem(&other.client, &codes[0]).await, 409, "redeem_code_used");
    expect_error(&redeem(&owner.client, "nothing").await, 404, "redeem_code_not_found");
    expect_error(&redeem(&owner.client, "").await, 404, "redeem_code_not_found");
    let missing = owner.client.post("/v1/credits/redeem", &json!({})).send().await.unwrap();
    expect_error(&missing, 422, "bad_code");
    expect_error(&redeem(&app.stranger(), &codes[1]).await, 401, "invalid_key");
    let listed = get(&admin, "/api/redeem-codes").await;
    let status = |at: usize| {
        listed["data"].as_array().unwrap().iter().find(|row| row["id"] == made["data"][at]["id"]).unwrap()["status"].clone()
    };
    assert_eq!((status(0), status(1)), (json!("used"), json!("unused")));
    assert!(codes.iter().all(|code| !listed.to_string().contains(code.as_str())));
    let path = |at: usize| format!("/api/redeem-codes/{}", made["data"][at]["id"].as_str().unwrap());
    expect_error(&admin.delete(&path(0)).send().await.unwrap(), 409, "redeem_code_used");
    assert_eq!(admin.delete(&path(1)).send().await.unwrap().json()["deleted"], true);
    expect_error(&admin.delete(&path(1)).send().await.unwrap(), 404, "redeem_code_not_found");
    for (body, code) in [
        (json!({}), "bad_amount"),
        (json!({ "amount": 0 }), "bad_amount"),
        (json!({ "amount": 5, "count": 1001 }), "bad_count"),
        (json!({ "amount": 5, "expires_at": 1 }), "bad_expires_at"),
        (json!({ "amount": 5, "name": "x".repeat(101) }), "bad_name"),
    ] {
        expect_error(&admin.post("/api/redeem-codes", &body).send().await.unwrap(), 422, code);
    }
    expect_error(&admin.get("/api/redeem-codes?limit=0").send().await.unwrap(), 422, "bad_limit");
    let journal = get(&admin, &format!("/api/ledger/entries?key={}&limit=1", owner.id)).await;
    let entry = &journal["data"][0];
    assert_eq!(
        (&entry["kind"], &entry["amount"], &entry["key"]),
        (&json!("top_up"), &json!(20), &json!(owner.id))
    );
    assert!(entry["reason"].as_str().unwrap().starts_with("redeem code"));
    assert_eq!(journal["has_more"], true);
    let all = get(&admin, "/api/ledger/entries?limit=2").await;
    let older = get(&admin, &format!("/api/ledger/entries?limit=2&before={}", all["last_id"])).await;
    assert!(older["data"][0]["id"].as_u64() < all["data"][1]["id"].as_u64());
    for (query, code) in [("limit=501", "bad_limit"), ("key=x", "bad_key")] {
        expect_error(&admin.get(&format!("/api/ledger/entries?{query}")).send().await.unwrap(), 422, code);
    }
    app.finish().await;
}

#[actix_rt::test]
async fn models_say_who_is_there_for_them() {
    let app = App::with(&[("STUDIO__ACCOUNTS", "2")]).await;
    let admin = app.admin().await;
    let model = async |name: &str| {
        let models = get(&admin, "/api/models").await;
        models["data"].as_array().unwrap().iter().find(|model| model["id"] == name).unwrap().clone()
    };
    let lighthouse = model("gpt-image-1").await;
    assert_eq!((&lighthouse["alias_of"], &lighthouse["kind"]), (&json!("gpt-image-2"), &json!("image")));
    assert_eq!((&lighthouse["accounts"], &lighthouse["available"]), (&json!([1, 2]), &json!(true)));
    admin.post("/api/tokens/batch-disable", &json!({})).send().await.unwrap();
    assert_eq!(model("gpt-image-1").await["available"], false);
    let closed = json!({ "image_enabled": false });
    admin.call(Method::PUT, "/api/tokens/1").json(&closed).send().await.unwrap();
    assert_eq!(model("gpt-image-1").await["accounts"], json!([2]));
    app.finish().await;
}
