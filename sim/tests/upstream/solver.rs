//! The solver answers its contract.

use atelier_sim::{
    client::Client,
    upstream::{Answer, Behaviour, Op, SOLVER, Setup, Upstream},
};
use serde_json::json;

#[actix_rt::test]
async fn a_challenge_is_solved_refused_and_kept_from_strangers() {
    let setup = Setup { solver_key: Some("cf-key".to_owned()), ..Setup::default() };
    let upstream = Upstream::start(setup).unwrap();
    let client = Client::new(&upstream.origin()).with_token("cf-key");
    let solve = || client.get("/v1/challenge?skip_cache=true").send();
    let told = solve().await.unwrap().json();
    assert!(told["success"] == true && told["cookies"]["cf_clearance"].is_string(), "{told}");
    assert!(told["user_agent"].is_string() && told["elapsed_seconds"].is_number(), "{told}");
    let failure = json!({"success": false, "error": "no browser is free"});
    let failed = Answer { status: 200, headers: [].into(), json: Some(failure.clone()), text: String::new() };
    upstream.account(SOLVER).script(Op::Challenge, [Behaviour::Answer(failed)]);
    assert_eq!(solve().await.unwrap().json(), failure);
    let wrong = client.with_token("other").get("/v1/challenge").send().await.unwrap();
    assert_eq!((wrong.status, wrong.json()["success"].as_bool()), (401, Some(false)));
    let book = upstream.account(SOLVER).book();
    assert_eq!((book.arrived(Op::Challenge), book.accepted(Op::Challenge)), (2, 1));
}
