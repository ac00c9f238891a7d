//! Each dialect differs from OpenAI in what its engine differs in.

use super::{order, with};
use atelier_sim::{
    client::Client,
    form::Form,
    upstream::{ANONYMOUS, Behaviour, Course, Dialect, Op, Outcome, Reason, Setup, Upstream},
};
use serde_json::{Value, json};

/// An upstream of this dialect, and a client without a key.
fn open(dialect: Dialect) -> (Upstream, Client) {
    let upstream = Upstream::start(Setup::default().speaking(dialect)).unwrap();
    let client = Client::new(&upstream.origin());
    (upstream, client)
}

fn film() -> Form {
    Form::new().text("prompt", "a film").text("size", "1280x720").text("seconds", "4")
}

async fn begun(client: &Client) -> String {
    let answer = client.post_form("/v1/videos", film()).send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn get(client: &Client, path: &str) -> (u16, Value) {
    let answer = client.get(path).send().await.unwrap();
    (answer.status, answer.json())
}

fn ending(polls: u32, end: Outcome) -> Behaviour {
    Behaviour::Job(Course { polls, end, ..Course::default() })
}

#[actix_rt::test]
async fn azure_reads_its_own_header_and_path_and_openai_does_not() {
    let (_upstream, client) = with(Setup::default().speaking(Dialect::Azure));
    let anyone = Client::new(client.origin());
    for path in ["/v1/models", "/openai/v1/models"] {
        assert_eq!(anyone.get(path).header("api-key", super::KEY).send().await.unwrap().status, 200);
        assert_eq!(get(&client, path).await.0, 200);
        assert_eq!(get(&anyone, path).await.0, 401);
    }
    let (_upstream, client) = super::upstream();
    let anyone = Client::new(client.origin());
    assert_eq!(anyone.get("/v1/models").header("api-key", super::KEY).send().await.unwrap().status, 401);
    assert_eq!(get(&client, "/openai/v1/models").await.0, 404);
}

#[actix_rt::test]
async fn engines_without_keys_serve_everybody() {
    for dialect in [Dialect::Sglang, Dialect::VllmOmni, Dialect::SdServer] {
        let (upstream, client) = open(dialect);
        let mut order = order("open");
        order["model"] = dialect.models().unwrap()[0].into();
        let path = "/v1/images/generations";
        assert_eq!(client.with_token("whatever").post(path, &order).send().await.unwrap().status, 200);
        assert_eq!(upstream.account(ANONYMOUS).book().accepted(Op::SubmitImage), 1, "{dialect:?}");
    }
    let (_upstream, client) = open(Dialect::Localai);
    assert_eq!(get(&client, "/v1/models").await.0, 401);
}

#[actix_rt::test]
async fn errors_have_the_shape_of_their_engine() {
    let shapes = [
        (Dialect::Sglang, json!({"detail": "Overloaded"})),
        (Dialect::VllmOmni, json!({"detail": "Overloaded"})),
        (Dialect::SdServer, json!({"error": "Overloaded"})),
    ];
    for (dialect, body) in shapes {
        let (upstream, client) = open(dialect);
        let refuse = Behaviour::Refuse(Reason::Overloaded529.into());
        upstream.account(ANONYMOUS).script(Op::Models, [refuse]);
        assert_eq!(get(&client, "/v1/models").await, (529, body));
    }
}

#[actix_rt::test]
async fn vllm_omni_takes_forms_only_and_only_its_own_model() {
    let (_upstream, client) = open(Dialect::VllmOmni);
    let json = client.post("/v1/videos", &json!({"prompt": "a film"})).send().await.unwrap();
    assert_eq!((json.status, json.json()["detail"][0]["type"].as_str()), (422, Some("missing")));
    let other = film().text("model", "sora-2");
    assert_eq!(client.post_form("/v1/videos", other).send().await.unwrap().status, 400);
    let mut links = order("links");
    links["model"] = "MiniMaxAI/MiniMax-H3".into();
    links["response_format"] = "url".into();
    assert_eq!(client.post("/v1/images/generations", &links).send().await.unwrap().status, 400);
    let remix = client.post("/v1/videos/video_1/remix", &json!({"prompt": "again"})).send().await.unwrap();
    assert_eq!(remix.status, 404);
}

#[actix_rt::test]
async fn vllm_omni_tells_a_failed_job_under_a_status_of_failure_with_its_whole_body() {
    let (upstream, client) = open(Dialect::VllmOmni);
    upstream.account(ANONYMOUS).script(Op::SubmitVideo, [ending(0, Outcome::Failed)]);
    let id = begun(&client).await;
    let (status, told) = get(&client, &format!("/v1/videos/{id}")).await;
    assert_eq!((status, told["status"].as_str()), (500, Some("failed")));
    assert_eq!((told["id"].as_str(), told["error"]["code"].as_u64()), (Some(id.as_str()), Some(500)));
    assert_eq!(get(&client, &format!("/v1/videos/{id}/content")).await.0, 422);
}

#[actix_rt::test]
async fn sglang_numbers_its_variants_and_only_marks_what_it_deletes() {
    let (upstream, client) = open(Dialect::Sglang);
    upstream.account(ANONYMOUS).usually(Op::SubmitVideo, ending(0, Outcome::Completed));
    let id = begun(&client).await;
    let told = get(&client, &format!("/v1/videos/{id}")).await.1;
    assert!(told["file_path"].is_string() && told.get("prompt").is_none(), "{told}");
    let mut statuses = Vec::new();
    for variant in ["", "?variant=0", "?variant=video"] {
        let path = format!("/v1/videos/{id}/content{variant}");
        statuses.push(client.get(&path).send().await.unwrap().status);
    }
    assert_eq!(statuses, [200, 200, 404]);
    let gone = client.delete(&format!("/v1/videos/{id}")).send().await.unwrap().json();
    assert_eq!(gone["status"], "deleted");
    upstream.account(ANONYMOUS).script(Op::SubmitVideo, [ending(0, Outcome::Failed)]);
    let failed = begun(&client).await;
    let error = get(&client, &format!("/v1/videos/{failed}")).await.1["error"].clone();
    assert_eq!(error, json!({"message": "Video generation failed."}));
}

#[actix_rt::test]
async fn sglang_answers_links_unless_told_otherwise_and_refuses_them_when_it_keeps_no_files() {
    let (_upstream, client) = open(Dialect::Sglang);
    let path = "/v1/images/generations";
    let told = client.post(path, &order("linked")).send().await.unwrap().json();
    let file = client.get(told["data"][0]["url"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(image::load_from_memory(&file.body).unwrap().width(), 64);
    let mut plain = order("plain");
    plain["response_format"] = "b64_json".into();
    let upstream =
        Upstream::start(Setup { keeps_files: false, ..Setup::default().speaking(Dialect::Sglang) }).unwrap();
    let client = Client::new(&upstream.origin());
    assert_eq!(client.post(path, &order("linked")).send().await.unwrap().status, 400);
    assert_eq!(client.post(path, &plain).send().await.unwrap().status, 200);
}

#[actix_rt::test]
async fn sd_server_and_localai_have_no_videos_and_few_words_about_images() {
    let (_upstream, client) = open(Dialect::SdServer);
    let told = client.post("/v1/images/generations", &order("few")).send().await.unwrap().json();
    let keys: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["created", "data", "output_format"]);
    assert_eq!(client.post_form("/v1/videos", film()).send().await.unwrap().status, 404);
    let (_upstream, client) = with(Setup::default().speaking(Dialect::Localai));
    let mut order = order("few");
    order["model"] = "flux.1-dev".into();
    let told = client.post("/v1/images/generations", &order).send().await.unwrap().json();
    assert!(told["data"][0]["url"].is_string(), "{told}");
    assert_eq!(client.post("/v1/images/edits", &order).send().await.unwrap().status, 404);
    assert_eq!(client.post_form("/v1/videos", film()).send().await.unwrap().status, 404);
}

#[actix_rt::test]
async fn a_relay_has_other_words_for_every_state() {
    let (upstream, client) = with(Setup::default().speaking(Dialect::Relay));
    let account = upstream.account(super::KEY);
    account.script(Op::SubmitVideo, [ending(1, Outcome::Completed), ending(0, Outcome::Failed)]);
    let film = || film().text("model", "sora-2");
    let mut words = Vec::new();
    for polls in [2, 1] {
        let told = client.post_form("/v1/videos", film()).send().await.unwrap().json();
        words.push(told["status"].as_str().unwrap().to_owned());
        for _ in 0..polls {
            let told = get(&client, &format!("/v1/videos/{}", told["id"].as_str().unwrap())).await.1;
            words.push(told["status"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(words, ["submitted", "processing", "success", "submitted", "failure"]);
}
