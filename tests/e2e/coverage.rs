//! Every route under `/api`, with every status that its documentation promises: told here in one table, or in a story that is named. A
//! route or a status that nobody tells fails, and so does a secret in any answer, log line or file.

use crate::{
    restart::setup,
    support::{
        App,
        answers::{ended, in_background, until},
        app::PASSWORD,
        expect_error, small,
    },
};
use atelier_sim::{
    client::Client,
    upstream::{AccountSetup, Setup, Upstream},
};
use awc::http::Method;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

/// Method, route, what stands in its parameter (and what follows it), the status, the body. `$name` is filled in by the story; the
/// order is the order of the calls.
const CALLS: &str = r#"
get /api/admin/config . 200
post /api/admin/config . 200 {"error_ban_threshold":5}
post /api/admin/config . 422 {"error_ban_threshold":0}
post /api/admin/debug . 200 {"enabled":false}
post /api/admin/debug . 422 {}
post /api/admin/apikey . 200 {"new_api_key":"sk-planted-first-key"}
post /api/admin/apikey . 422 {"new_api_key":"planted short"}
post /api/admin/password . 422 {"old_password":"planted-wrong","new_password":"planted-password"}
get /api/audit . 200
get /api/audit ?limit=0 422
get /api/cache/config . 200
post /api/cache/config . 200 {"timeout":60}
post /api/cache/config . 422 {"timeout":1}
post /api/cache/base-url . 200 {"base_url":""}
post /api/cache/base-url . 422 {"base_url":"planted://x"}
post /api/cache/enabled . 200 {"enabled":true}
post /api/cache/enabled . 422 {}
get /api/cloudflare/config . 200
post /api/cloudflare/config . 200 {"solver_enabled":false}
post /api/cloudflare/config . 422 {"solver_enabled":true}
get /api/cloudflare/state . 200
post /api/cloudflare/refresh . 400
post /api/cloudflare/config . 200 {"solver_enabled":true,"solver_api_url":"$vendor"}
post /api/cloudflare/refresh . 200
post /api/cloudflare/clear . 200
post /api/cloudflare/config . 200 {"solver_enabled":true,"solver_api_url":"http://127.0.0.1:1"}
post /api/cloudflare/refresh . 502
get /api/events . 200
get /api/generation/timeout . 200
post /api/generation/timeout . 200 {"image_timeout":300}
post /api/generation/timeout . 422 {}
get /api/jobs . 200
get /api/jobs ?account=99 404
get /api/jobs ?status=odd 422
get /api/jobs/{id} $done 200
get /api/jobs/{id} x 404
post /api/jobs/{id}/retry $done 402
post /api/jobs/{id}/retry x 404
post /api/jobs/{id}/retry $open 409
post /api/jobs/{id}/cancel $open 200
post /api/jobs/{id}/cancel x 404
post /api/jobs/{id}/retry $open 202
get /api/keys . 200
post /api/keys . 201 {"name":"one"}
post /api/keys . 422 {"rpm":-1}
get /api/keys/{id} $key 200
get /api/keys/{id} x 404
patch /api/keys/{id} $key 200 {"name":"two"}
patch /api/keys/{id} x 404 {"name":"two"}
patch /api/keys/{id} $key 422 {"rpm":-1}
put /api/keys/{id} $key 200 {"name":"three"}
put /api/keys/{id} x 404 {"name":"three"}
post /api/keys/{id}/credits $key 200 {"amount":5}
post /api/keys/{id}/credits x 404 {"amount":5}
post /api/keys/{id}/credits $key 409 {"amount":-500}
post /api/keys/{id}/credits $key 422 {"amount":0}
post /api/keys/{id}/rotate $key 200
post /api/keys/{id}/rotate x 404
delete /api/keys/{id} $key 200
delete /api/keys/{id} x 404
get /api/ledger/entries . 200
get /api/ledger/entries ?limit=0 422
get /api/ledger/verify . 200
get /api/logs . 200
get /api/logs ?limit=0 422
get /api/stats . 200
get /api/stats ?days=0 422
get /api/models . 200
get /api/pool . 200
get /api/pool/explain ?model=gpt-image-2 200
get /api/pool/explain ?model=x 404
get /api/proxy/config . 200
post /api/proxy/config . 200 {"proxy_url":"http://planted-user:planted-password@proxy:1"}
post /api/proxy/config . 422 {"proxy_url":"planted proxy"}
get /api/proxy/pool . 200
post /api/proxy/pool . 200 {"proxies":["proxy:1:planted-user:planted-password"]}
post /api/proxy/pool . 422 {"proxies":["planted proxy"]}
get /api/redeem-codes . 200
get /api/redeem-codes ?limit=0 422
post /api/redeem-codes . 201 {"amount":5}
post /api/redeem-codes . 422 {"amount":0}
delete /api/redeem-codes/{id} $used 409
delete /api/redeem-codes/{id} $code 200
delete /api/redeem-codes/{id} $code 404
get /api/token-refresh/config . 200
post /api/token-refresh/enabled . 200 {"enabled":true}
post /api/token-refresh/enabled . 422 {}
get /api/watermark-free/config . 200
post /api/watermark-free/config . 200 {"watermark_free_enabled":false,"custom_parse_token":"planted-parse-token"}
post /api/watermark-free/config . 422 {"parse_method":"odd"}
get /api/webhooks/dead . 200
post /api/webhooks/dead/{id}/retry x 404
get /api/tokens . 200
post /api/tokens . 200 {"provider":"studio","token":"planted-token-0123","st":"planted-session-0123","rt":"planted-refresh-0123","client_secret":"planted-client-0123","client_id":"app"}
post /api/tokens . 200 {"provider":"studio","token":"planted-other-0123"}
post /api/tokens . 409 {"provider":"studio","token":"planted-token-0123"}
post /api/tokens . 422 {"provider":"nobody","token":"planted-token-4567"}
get /api/tokens/{id} 4 200
get /api/tokens/{id} 99 404
put /api/tokens/{id} 4 200 {"token":"planted-token-anew-0123"}
put /api/tokens/{id} 99 404 {"token":"planted-token-anew-0123"}
put /api/tokens/{id} 4 409 {"token":"planted-other-0123"}
put /api/tokens/{id} 4 422 {"token":"planted token"}
put /api/tokens/{id}/status 4 200 {"is_active":false}
put /api/tokens/{id}/status 99 404 {"is_active":false}
put /api/tokens/{id}/status 4 422 {}
post /api/tokens/{id}/enable 4 200
post /api/tokens/{id}/enable 99 404
post /api/tokens/{id}/test 4 200
post /api/tokens/{id}/test 99 404
post /api/tokens/{id}/disable 4 200
post /api/tokens/{id}/disable 99 404
post /api/tokens/{id}/sora2/activate 4?invite_code=ABC123 501
post /api/tokens/{id}/sora2/activate 99?invite_code=ABC123 404
post /api/tokens/{id}/sora2/activate 4 422
post /api/tokens/{id}/activate-username 4 501
post /api/tokens/{id}/activate-username 99 404
post /api/tokens/batch-activate . 501 {"invite_code":"ABC123"}
post /api/tokens/batch-activate . 422 {}
post /api/tokens/batch-activate-username . 501
post /api/tokens/batch-add . 200 {"tokens":[{"provider":"studio","token":"planted-batch-0123"},{"token":"planted guess"}]}
post /api/tokens/batch-add . 422 {}
post /api/tokens/import . 200 {"tokens":[{"provider":"studio","email":"a@b.example","access_token":"planted-import-0123"}]}
post /api/tokens/import . 422 {}
post /api/tokens/batch-test . 200
post /api/tokens/st2at . 200 {"st":"planted-vendor-session"}
post /api/tokens/st2at . 400 {"st":"planted-wrong-session"}
post /api/tokens/st2at . 422 {}
post /api/tokens/rt2at . 200 {"rt":"planted-vendor-refresh"}
post /api/tokens/rt2at . 400 {"rt":"planted-vendor-refresh"}
post /api/tokens/rt2at . 422 {"rt":""}
post /api/tokens/batch-disable . 200
post /api/tokens/batch-enable . 200
delete /api/tokens/{id} 4 200
delete /api/tokens/{id} 4 404
delete /api/tokens/batch-delete-disabled . 200
delete /api/logs . 200
post /api/login . 200 {"username":"admin","password":"$password"}
post /api/login . 401 {"username":"admin","password":"planted-guess"}
post /api/admin/password . 200 {"old_password":"$password","new_password":"planted-new-password"}
"#;

/// What is told elsewhere: method, route, status, and the story.
const TOLD: &[(&str, &str, u16, &str)] = &[
    ("post", "/api/logout", 200, "admin.rs"),
    ("post", "/api/login", 429, "admin.rs"),
    // The same throttle.
    ("post", "/api/admin/password", 429, "admin.rs"),
    ("post", "/api/tokens/st2at", 504, "coverage.rs"),
    ("post", "/api/tokens/rt2at", 504, "coverage.rs"),
    ("post", "/api/tokens/{id}/sora2/activate", 200, "sora.rs"),
    ("post", "/api/tokens/{id}/activate-username", 200, "sora.rs"),
    ("post", "/api/tokens/batch-activate", 200, "sora.rs"),
    ("post", "/api/tokens/batch-activate-username", 200, "sora.rs"),
    ("get", "/api/characters", 200, "characters.rs"),
    ("get", "/api/characters/by-token/{id}", 200, "characters.rs"),
    ("get", "/api/characters/by-token/{id}", 404, "characters.rs"),
    ("get", "/api/characters/{cameo_id}", 200, "characters.rs"),
    ("get", "/api/characters/{cameo_id}", 404, "characters.rs"),
    ("delete", "/api/characters/{cameo_id}", 200, "characters.rs"),
    ("delete", "/api/characters/{cameo_id}", 404, "characters.rs"),
    ("post", "/api/characters/{cameo_id}/update", 200, "characters.rs"),
    ("post", "/api/characters/{cameo_id}/update", 404, "characters.rs"),
    ("post", "/api/characters/{cameo_id}/update", 422, "characters.rs"),
    // Sixty-four streams would have to be open.
    ("get", "/api/events", 503, "office.rs"),
    // A dead letter takes hours to die: the actors' own tests move the clock.
    ("post", "/api/webhooks/dead/{id}/retry", 202, "webhooks.rs"),
];

struct Call<'a> {
    method: &'a str,
    route: &'a str,
    path: String,
    status: u16,
    body: String,
}

fn calls<'a>(named: &BTreeMap<&str, String>) -> Vec<Call<'a>> {
    let filled =
        |text: &str| named.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let lines = CALLS.lines().filter(|line| !line.is_empty());
    let call = |line: &'a str| {
        let mut words = line.splitn(5, ' ');
        let (method, route, fill) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let status = words.next().unwrap().parse().unwrap();
        let fill = filled(fill.strip_prefix('.').unwrap_or(fill));
        let path = match route.split_once("{id}") {
            Some((before, after)) => {
                let (id, query) = fill.split_once('?').map_or((fill.as_str(), ""), |(id, query)| (id, query));
                format!("{before}{id}{after}?{query}")
            }
            None => format!("{route}{fill}"),
        };
        Call { method, route, path, status, body: filled(words.next().unwrap_or("{}")) }
    };
    lines.map(call).collect()
}

/// Makes a call, and returns what came back; of a stream only its beginning.
async fn made(admin: &Client, call: &Call<'_>) -> (u16, String) {
    let method = Method::from_bytes(call.method.to_uppercase().as_bytes()).unwrap();
    let request = admin.call(method, &call.path);
    let request = if call.method == "get" {
        request
    } else {
        request.header("content-type", "application/json").body(call.body.clone())
    };
    if call.route == "/api/events" {
        return (request.begin().await.unwrap().status, String::new());
    }
    let answer = request.send().await.unwrap();
    (answer.status, answer.text())
}

/// What of an answer may hold a text that was planted: the names of what was planted are allowed, values are not.
fn leaks(text: &str) -> bool {
    text.contains("planted")
}

/// Where tokens are had, and challenges solved.
fn vendor() -> Upstream {
    let vendor = Upstream::start(Setup::default()).unwrap();
    let account = AccountSetup {
        session_token: Some("planted-vendor-session".into()),
        refresh_token: Some("planted-vendor-refresh".into()),
        ..AccountSetup::default()
    };
    vendor.put("vendor", account);
    vendor
}

/// The settings that lead to it.
fn leading_to(origin: &str) -> [(&'static str, String); 2] {
    [
        ("TOKEN_REFRESH__SESSION_URL", format!("{origin}/api/auth/session")),
        ("TOKEN_REFRESH__TOKEN_URL", format!("{origin}/oauth/token")),
    ]
}

/// Jobs and codes that the calls speak of.
async fn named(admin: &Client, stranger: &Client, vendor: &Upstream) -> BTreeMap<&'static str, String> {
    let post = async |path: &str, body: Value| admin.post(path, &body).send().await.unwrap().json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let poor = post("/api/keys", json!({ "name": "poor", "credits": 1 })).await;
    let owner = stranger.with_token(poor["key"].as_str().unwrap());
    let done = in_background(&owner, small("a")).await;
    assert_eq!(ended(&owner, &done).await["status"], "succeeded");
    let rich = post("/api/keys", json!({ "name": "rich", "metered": false })).await;
    let owner = stranger.with_token(rich["key"].as_str().unwrap());
    let open = in_background(&owner, small("[[delay:2000]] a")).await;
    until(&owner, &open, &["running"]).await;
    let key = post("/api/keys", json!({ "name": "key" })).await;
    let codes = post("/api/redeem-codes", json!({ "amount": 5, "count": 2 })).await;
    let used = json!({ "code": codes["codes"][0] });
    assert_eq!(owner.post("/v1/credits/redeem", &used).send().await.unwrap().status, 200);
    let (used, code) = (text(&codes["data"][0]["id"]), text(&codes["data"][1]["id"]));
    BTreeMap::from([
        ("$done", done),
        ("$open", open),
        ("$key", text(&key["id"])),
        ("$used", used),
        ("$code", code),
        ("$password", PASSWORD.to_owned()),
        ("$vendor", vendor.origin()),
    ])
}

fn promised(document: &Value) -> BTreeSet<(String, String, u16)> {
    let mut promised = BTreeSet::new();
    let routes = document["paths"].as_object().unwrap().iter();
    let routes = routes.filter(|(path, _)| path.starts_with("/api/"));
    for (path, item) in routes {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            for status in operation["responses"].as_object().unwrap().keys() {
                promised.insert((method.clone(), path.clone(), status.parse().unwrap()));
            }
        }
    }
    promised
}

#[actix_rt::test]
async fn every_route_of_the_admin_does_what_its_documentation_promises_and_nothing_else_is_promised() {
    let vendor = vendor();
    let [session, token] = leading_to(&vendor.origin());
    let settings = [("STUDIO__ACCOUNTS", "3"), (session.0, &session.1), (token.0, &token.1)];
    let app = App::with(&settings).await;
    let admin = app.admin().await;
    let document = app.stranger().get("/openapi.json").send().await.unwrap().json();
    let named = named(&admin, &app.stranger(), &vendor).await;
    let mut told: BTreeSet<_> = TOLD
        .iter()
        .map(|(method, path, status, _)| ((*method).to_owned(), (*path).to_owned(), *status))
        .collect();
    for call in calls(&named) {
        let (status, text) = made(&admin, &call).await;
        assert_eq!(status, call.status, "{} {}: {text}", call.method, call.path);
        assert!(!leaks(&text), "{} {} tells a secret: {text}", call.method, call.path);
        told.insert((call.method.to_owned(), call.route.to_owned(), status));
    }
    let promised = promised(&document);
    let untold: Vec<_> = promised.difference(&told).collect();
    assert!(untold.is_empty(), "promised by the documentation, and told by no story: {untold:#?}");
    let unsaid: Vec<_> = told.difference(&promised).collect();
    assert!(unsaid.is_empty(), "happens, and the documentation does not say so: {unsaid:#?}");
    for (method, path, _, story) in TOLD {
        let story = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e").join(story);
        let text = std::fs::read_to_string(&story).unwrap();
        let beginning = path.split('{').next().unwrap();
        assert!(text.contains(beginning), "{} does not tell {method} {path}", story.display());
    }
    app.quiet().await;
    let mut app = app;
    app.stop().await;
}

#[actix_rt::test]
async fn a_vendor_that_is_not_there_is_no_refusal_of_the_token() {
    let [session, token] = leading_to("http://127.0.0.1:1");
    let app = App::with(&[(session.0, &session.1), (token.0, &token.1)]).await;
    let admin = app.admin().await;
    for (path, body) in [
        ("/api/tokens/st2at", json!({ "st": "planted-session" })),
        ("/api/tokens/rt2at", json!({ "rt": "planted-refresh" })),
    ] {
        let answer = admin.post(path, &body).send().await.unwrap();
        expect_error(&answer, 504, "submit_network");
        assert!(!leaks(&answer.text()), "{}", answer.text());
    }
    app.finish().await;
}

/// Whether a file under `dir` has this in it.
fn is_in_a_file(dir: &Path, needle: &[u8]) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if let Some(found) = is_in_a_file(&path, needle) {
                return Some(found);
            }
        } else if std::fs::read(&path).unwrap().windows(needle.len()).any(|part| part == needle) {
            return Some(path);
        }
    }
    None
}

#[actix_rt::test]
async fn no_secret_reaches_a_log_of_everything_or_a_file() {
    let room = tempfile::tempdir().unwrap();
    let vendor = vendor();
    let [session, token] = leading_to(&vendor.origin());
    let setup = setup(&room).set(session.0, &session.1).set(token.0, &token.1);
    let setup = setup.set("LOG__LEVEL", "trace").set("LOG__FORMAT", "json").set("STUDIO__FAULTS", "true");
    let mut server = setup.start(Duration::from_secs(30)).await.unwrap();
    let login = json!({ "username": "admin", "password": PASSWORD });
    let token = server.client().post("/api/login", &login).send().await.unwrap().json();
    let token = token["token"].as_str().unwrap().to_owned();
    let admin = server.client().with_token(&token);
    let named = named(&admin, &server.client(), &vendor).await;
    for call in calls(&named) {
        let (status, text) = made(&admin, &call).await;
        assert_eq!(status, call.status, "{} {}: {text}", call.method, call.path);
    }
    assert!(server.terminate(Duration::from_secs(30)).await.unwrap().success());
    let log = std::fs::read_to_string(setup.log_file()).unwrap();
    assert!(log.contains("\"answered\""), "the log is not one of everything");
    let told: Vec<_> = log.lines().filter(|line| leaks(line) || line.contains(&token)).collect();
    assert!(told.is_empty(), "{told:#?}");
    for secret in ["planted-", PASSWORD, &token] {
        let found = is_in_a_file(&setup.data_dir(), secret.as_bytes());
        assert!(found.is_none(), "{secret} stands in {found:?}");
    }
}
