//! Accounts at a server that speaks the wire of Sora, through the whole gateway: pictures, films, remixes, storyboards, quota, plans, new
//! tokens, invitations and enhanced prompts, all on the simulated upstream.

use crate::support::{
    App,
    answers::{credits, generate},
    expect_error,
    films::{content, create, ended, id, made},
};
use atelier_sim::{
    client::{Answer, Client},
    upstream::{
        AccountSetup, Behaviour, Course, Limits, Membership, Op, Outcome, Reason, Setup, Standing, Upstream,
    },
};
use awc::http::Method;
use serde_json::{Value, json};

const KEY: &str = "at-sora-0123456789";

/// A server with one account at a simulated upstream.
struct World {
    app: App,
    admin: Client,
    upstream: Upstream,
    number: u64,
}

impl World {
    async fn new(setup: AccountSetup, settings: &[(&str, &str)]) -> Self {
        let upstream = Upstream::start(Setup::default()).unwrap();
        upstream.put(KEY, setup);
        let (session, token) =
            (format!("{}/api/auth/session", upstream.origin()), format!("{}/oauth/token", upstream.origin()));
        let usual = [
            ("SORA__POLL_INTERVAL", "0.1"),
            ("TOKEN_REFRESH__SESSION_URL", &session),
            ("TOKEN_REFRESH__TOKEN_URL", &token),
        ];
        let settings: Vec<_> = usual.iter().chain(settings).copied().collect();
        let app = App::with(&settings).await;
        let admin = app.admin().await;
        let body = json!({
            "provider": "sora", "token": KEY, "rt": "rt-first-0123456789", "email": "me@up.example",
            "base_url": format!("{}/backend", upstream.origin()),
        });
        let added = admin.post("/api/tokens", &body).send().await.unwrap();
        assert_eq!(added.status, 200, "{}", added.text());
        let number = added.json()["token_id"].as_u64().unwrap();
        let world = Self { app, admin, upstream, number };
        let tested = world.tested().await;
        assert_eq!(tested["status"], "success", "{tested}");
        world
    }

    async fn free() -> Self {
        Self::new(AccountSetup::default(), &[]).await
    }

    /// What a look at the account tells.
    async fn tested(&self) -> Value {
        self.post(&format!("/api/tokens/{}/test", self.number), json!({})).await.json()
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.admin.post(path, &body).send().await.unwrap()
    }

    async fn account(&self) -> Value {
        self.admin.get(&format!("/api/tokens/{}", self.number)).send().await.unwrap().json()
    }

    fn submits(&self, prompt: &str) -> (u64, u64) {
        let submits = self.upstream.book().prompt(prompt);
        (submits.arrived, submits.accepted)
    }
}

fn film(prompt: &str) -> Value {
    json!({ "model": "sora-2", "prompt": prompt, "seconds": "10", "size": "1280x720" })
}

fn of_plan(plan: Option<&str>) -> AccountSetup {
    let sora = Membership { plan: plan.map(str::to_owned), ..Membership::default() };
    AccountSetup { sora, ..AccountSetup::default() }
}

#[actix_rt::test]
async fn a_picture_comes_from_the_upstream_in_the_size_that_was_asked_for() {
    let world = World::free().await;
    let owner = world.app.metered(20).await;
    let answer = generate(
        &owner.client,
        &json!({ "model": "gpt-image", "prompt": "a fox", "n": 2, "response_format": "b64_json" }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let data = answer.json()["data"].as_array().unwrap().clone();
    assert_eq!(data.len(), 2);
    for item in data {
        use base64::Engine as _;
        let file =
            base64::engine::general_purpose::STANDARD.decode(item["b64_json"].as_str().unwrap()).unwrap();
        let picture = image::load_from_memory(&file).unwrap();
        assert_eq!((picture.width(), picture.height()), (360, 360));
    }
    assert_eq!(world.submits("a fox"), (1, 1));
    let failing = Course {
        end: Outcome::Failed,
        message: "This content may violate our guardrails.".into(),
        ..Course::default()
    };
    world.upstream.account(KEY).script(Op::SubmitImage, [Behaviour::Job(failing)]);
    let before = credits(&owner.client).await;
    let refused = generate(&owner.client, &json!({ "model": "gpt-image", "prompt": "b" })).await;
    expect_error(&refused, 400, "content_policy_violation");
    assert_eq!(credits(&owner.client).await, before, "what failed is not charged");
    assert_eq!(world.account().await["is_active"], true);
    world.app.finish().await;
}

#[actix_rt::test]
async fn a_film_is_made_remixed_and_told_in_shots() {
    let world = World::free().await;
    let owner = world.app.metered(1_000).await;
    let first = made(&owner, &film("a fox")).await;
    let file = content(&owner.client, &first, "").await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("video/mp4")));
    assert!(file.body.windows(5).any(|window| window == b"a fox"), "it is the upstream's own film");
    let still = content(&owner.client, &first, "?variant=thumbnail").await;
    assert_eq!(still.status, 200);

    let path = format!("/v1/videos/{first}/remix");
    let remix = owner.client.post(&path, &json!({ "prompt": "at night" })).send().await.unwrap();
    let remix = ended(&owner.client, &id(&remix)).await;
    assert_eq!(
        (&remix["status"], &remix["remixed_from_video_id"]),
        (&json!("completed"), &json!(first)),
        "{remix}"
    );
    assert_eq!(world.upstream.posts(), 0, "nothing of it is left shown there");

    let told = "in ink [5.0s]a cat jumps [5.0s]it lands";
    made(&owner, &film(told)).await;
    let seen = world.upstream.book().seen;
    let board = seen.iter().find(|call| call.target == "/backend/nf/create/storyboard").unwrap();
    assert!(board.fields["prompt"].as_str().unwrap().contains("Shot 2:\nduration: 5sec\nScene: it lands"));
    for prompt in ["a fox", "at night"] {
        assert_eq!(world.submits(prompt), (1, 1), "{prompt}");
    }
    world.app.finish().await;
}

#[actix_rt::test]
async fn a_quota_is_shown_and_when_it_is_used_up_the_account_rests() {
    let limited =
        AccountSetup { limits: Limits { videos: Some(1), ..Limits::default() }, ..AccountSetup::default() };
    let world = World::new(limited, &[]).await;
    let owner = world.app.metered(1_000).await;
    let shown = world.account().await;
    assert_eq!((&shown["sora2_supported"], &shown["sora2_remaining_count"]), (&json!(true), &json!(1)));
    assert_eq!((&shown["sora2_invite_code"], &shown["sora2_total_count"]), (&json!("XYZ789"), &json!(10)));
    made(&owner, &film("a fox")).await;
    let before = credits(&owner.client).await;
    let refused = ended(&owner.client, &id(&create(&owner.client, &film("b")).await)).await;
    assert_eq!(refused["error"]["code"], "upstream_saturated", "{refused}");
    assert_eq!(credits(&owner.client).await, before);
    let tested = world.tested().await;
    assert_eq!((&tested["sora2_remaining_count"], &tested["token"]["is_active"]), (&json!(0), &json!(true)));
    assert!(tested["token"]["sora2_cooldown_until"].is_string(), "{tested}");
    let picture = generate(&owner.client, &json!({ "model": "gpt-image", "prompt": "c" })).await;
    assert_eq!(picture.status, 200, "films that are used up leave pictures usable: {}", picture.text());
    world.app.finish().await;
}

#[actix_rt::test]
async fn what_needs_a_plan_is_refused_until_an_account_has_it() {
    let world = World::free().await;
    let owner = world.app.metered(1_000).await;
    let fine = json!({ "model": "sora2pro-hd-landscape-10s", "prompt": "a fox" });
    expect_error(&create(&owner.client, &fine).await, 403, "plan_required");
    let pro = json!({ "model": "sora-2-pro", "prompt": "a fox", "seconds": 10 });
    expect_error(&create(&owner.client, &pro).await, 403, "plan_required");
    for (wish, code) in [
        (json!({ "seconds": 25 }), "bad_duration"),
        (json!({ "size": "1792x1024" }), "bad_size"),
        (json!({ "seconds": 4 }), "bad_duration"),
    ] {
        let mut body = film("a fox");
        body.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
        expect_error(&create(&owner.client, &body).await, 422, code);
    }
    assert_eq!(world.submits("a fox"), (0, 0));
    let untold = create(&owner.client, &json!({ "model": "sora-2", "prompt": "b" })).await.json();
    assert_eq!(untold["seconds"], "10", "where no length is told, it is one that is made here: {untold}");

    world.upstream.put(KEY, of_plan(Some("chatgpt_pro")));
    let tested = world.tested().await;
    assert_eq!(tested["token"]["plan_type"], "chatgpt_pro", "{tested}");
    made(&owner, &fine).await;
    made(&owner, &pro).await;
    world.app.finish().await;
}

#[actix_rt::test]
async fn a_token_that_ends_in_the_middle_is_renewed_and_its_film_goes_on() {
    let renewable =
        AccountSetup { refresh_token: Some("rt-first-0123456789".into()), ..AccountSetup::default() };
    let world = World::new(renewable, &[]).await;
    let owner = world.app.metered(1_000).await;
    let never = Course { polls: 12, ..Course::default() };
    world.upstream.account(KEY).script(Op::SubmitVideo, [Behaviour::Job(never)]);
    let video = id(&create(&owner.client, &film("a fox")).await);
    while world.upstream.films().first().is_none_or(|film| film.looks == 0) {
        actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.upstream.account(KEY).revoke();
    let video = ended(&owner.client, &video).await;
    assert_eq!(video["status"], "completed", "{video}");
    assert_eq!(world.submits("a fox"), (1, 1), "it was made twice");
    let kept = world.upstream.account(KEY).refresh_token().unwrap();
    assert_ne!(kept, "rt-first-0123456789", "a refresh token is good once");
    // The next token is had for the next refresh token, so that one was kept.
    world.upstream.account(KEY).revoke();
    made(&owner, &film("b")).await;
    assert_eq!(world.account().await["is_active"], true);
    world.app.finish().await;
}

#[actix_rt::test]
async fn prompts_are_enhanced_there_when_the_operator_says_so_and_here_otherwise() {
    let enhanced = |answer: Answer| answer.json()["enhanced_prompt"].as_str().unwrap().to_owned();
    let body = json!({ "prompt": "a fox", "expansion_level": "short", "duration_s": 10 });
    let world = World::new(AccountSetup::default(), &[("SORA__ENHANCE_PROMPTS", "true")]).await;
    let client = world.app.client();
    let path = format!("/v1/enhance_prompt?token_id={}", world.number);
    for path in ["/v1/enhance_prompt", &path] {
        let told = enhanced(client.post(path, &body).send().await.unwrap());
        assert_eq!(told, "PRIMARY: a fox (short, 10 s)", "{path}");
    }
    let other = enhanced(client.post("/v1/enhance_prompt?token_id=1", &body).send().await.unwrap());
    assert!(other.contains("\nSETTING: "), "an account that cannot leaves it to the gateway: {other}");
    world.upstream.account(KEY).script(Op::Enhance, [Behaviour::Refuse(Reason::Overloaded.into())]);
    let told = enhanced(client.post("/v1/enhance_prompt", &body).send().await.unwrap());
    assert!(told.contains("\nSETTING: "), "{told}");
    world.app.finish().await;

    let world = World::free().await;
    let told = enhanced(world.app.client().post("/v1/enhance_prompt", &body).send().await.unwrap());
    assert!(told.contains("\nSETTING: "), "{told}");
    assert_eq!(world.upstream.account(KEY).book().arrived(Op::Enhance), 0);
    world.app.finish().await;
}

#[actix_rt::test]
async fn an_account_is_invited_named_and_may_invite() {
    let sora = Membership { standing: Standing::Outside, ..Membership::default() };
    let world = World::new(AccountSetup { sora, ..AccountSetup::default() }, &[]).await;
    assert_eq!(world.account().await["sora2_supported"], false);
    let client = world.app.client();
    let codes = client.get("/v1/invite-codes").send().await.unwrap().json();
    assert_eq!(codes["success"], false);
    let path = format!("/api/tokens/{}", world.number);
    let activate = |code: &str| format!("{path}/sora2/activate?invite_code={code}");
    expect_error(&world.post(&activate("WRONG1"), json!({})).await, 422, "upstream_rejected");
    let activated = world.post(&activate("ABC123"), json!({})).await;
    assert_eq!(activated.status, 200, "{}", activated.text());
    let activated = activated.json();
    assert_eq!(
        (
            &activated["success"],
            &activated["already_accepted"],
            &activated["invite_code"],
            &activated["total_count"]
        ),
        (&json!(true), &json!(false), &json!("XYZ789"), &json!(10)),
        "{activated}"
    );
    let codes = client.get("/v1/invite-codes").send().await.unwrap().json();
    assert_eq!(
        (&codes["success"], &codes["invite_code"], &codes["remaining_count"]),
        (&json!(true), &json!("XYZ789"), &json!(10))
    );

    let named = world.post(&format!("{path}/activate-username"), json!({})).await.json();
    assert_eq!((&named["success"], &named["already_set"]), (&json!(true), &json!(false)), "{named}");
    assert_eq!(world.account().await["username"], named["username"]);
    let all = world.post("/api/tokens/batch-activate", json!({ "invite_code": "ABC123" })).await.json();
    assert_eq!(
        (&all["already_active"], &all["activated"], &all["failed"]),
        (&json!(1), &json!(0), &json!(0)),
        "{all}"
    );
    let all = world.post("/api/tokens/batch-activate-username", json!({})).await.json();
    assert_eq!((&all["already_set"], &all["total"]), (&json!(1), &json!(1)), "{all}");
    world.app.finish().await;
}

#[actix_rt::test]
async fn profiles_and_feeds_are_the_upstreams_where_its_account_is_named_and_the_gateways_otherwise() {
    let sora = Membership { username: Some("fox".into()), ..Membership::default() };
    let world = World::new(AccountSetup { sora, ..AccountSetup::default() }, &[]).await;
    let client = world.app.client();
    let number = world.number;
    let get = async |path: &str| client.get(path).send().await.unwrap();
    let profile = get(&format!("/v1/profiles/fox?token_id={number}")).await.json();
    assert_eq!(
        (&profile["success"], &profile["profile"]["follower_count"]),
        (&json!(true), &json!(7)),
        "{profile}"
    );
    let user_id = profile["profile"]["user_id"].as_str().unwrap().to_owned();
    for path in
        ["/v1/profiles/fox", "/v1/profiles/fox?token_id=1", &format!("/v1/profiles/nobody?token_id={number}")]
    {
        expect_error(&get(path).await, 404, "profile_not_found");
    }
    let found =
        get(&format!("/v1/characters/search?username=fo&intent=cameo&token_id={number}")).await.json();
    assert_eq!((&found["count"], &found["results"][0]["username"]), (&json!(1), &json!("fox")), "{found}");
    let feed = get(&format!("/v1/users/{user_id}/feed?token_id={number}")).await.json();
    assert_eq!((&feed["user_id"], &feed["feed"]["items"]), (&json!(user_id), &json!([])), "{feed}");
    let feed = get(&format!("/v1/feed?cut=nf2_top&token_id={number}")).await.json();
    assert_eq!((&feed["cut"], &feed["count"]), (&json!("nf2_top"), &json!(0)), "{feed}");
    expect_error(&get("/v1/feed?token_id=99").await, 404, "token_not_found");
    world.app.finish().await;
}

#[actix_rt::test]
async fn an_account_without_an_address_does_nothing_and_says_what_to_do() {
    let world = World::free().await;
    let body = json!({ "base_url": "" });
    let changed = world.admin.call(Method::PUT, &format!("/api/tokens/{}", world.number)).json(&body);
    assert_eq!(changed.send().await.unwrap().status, 200);
    let tested = world.tested().await;
    assert_eq!(tested["status"], "failed", "{tested}");
    let path = format!("/api/tokens/{}/activate-username", world.number);
    expect_error(&world.post(&path, json!({})).await, 501, "activation_unsupported");
    // The embedded engine draws, since nobody real is there.
    let owner = world.app.metered(100).await;
    assert_eq!(
        generate(&owner.client, &json!({ "model": "gpt-image", "prompt": "a fox" })).await.status,
        200
    );
    assert_eq!(world.submits("a fox"), (0, 0));
    world.app.finish().await;
}
