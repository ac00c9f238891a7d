//! Each fault is on the wire what it is called.

use super::{KEY, draw, images::events, order, picture, raw, upstream};
use atelier_sim::upstream::{
    Answer, Behaviour, Chance, Framing, Mix, Op, Reason, Refusal, Submits, Upstream,
};
use raw::Ended;
use serde_json::json;
use std::{io::Write, net::Shutdown};

const PATH: &str = "/v1/images/generations";

/// One exchange of an image order under this behaviour.
fn under(upstream: &Upstream, behaviour: Behaviour, prompt: &str) -> (Vec<u8>, Ended) {
    upstream.account(KEY).script(Op::SubmitImage, [behaviour]);
    raw::exchange(upstream.address(), &raw::post(PATH, KEY, &order(prompt).to_string()))
}

#[actix_rt::test]
async fn a_reset_before_the_body_comes_while_the_body_is_still_missing() {
    let (upstream, _) = upstream();
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::ResetBeforeBody]);
    let whole = raw::post(PATH, KEY, &order("early").to_string());
    let head = whole.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let (answer, ended) = raw::exchange(upstream.address(), &whole[..head]);
    assert_eq!((answer.len(), ended), (0, Ended::Rst));
    let account = upstream.account(KEY).book();
    assert_eq!(account.arrived(Op::SubmitImage), 1);
    assert!(account.prompts.is_empty(), "its body was never read");
}

#[actix_rt::test]
async fn a_reset_after_the_body_has_no_effect_and_one_after_accepting_has() {
    let (upstream, _) = upstream();
    for (behaviour, accepted) in [(Behaviour::ResetAfterBody, 0), (Behaviour::AcceptThenReset, 1)] {
        let prompt = format!("accepted {accepted}");
        let (answer, ended) = under(&upstream, behaviour, &prompt);
        assert_eq!((answer.len(), ended), (0, Ended::Rst));
        assert_eq!(upstream.book().prompt(&prompt), Submits { arrived: 1, accepted });
    }
}

#[actix_rt::test]
async fn an_accepted_call_can_be_refused_as_if_it_were_not() {
    let (upstream, client) = upstream();
    let refuse = Behaviour::AcceptThenRefuse(Reason::GatewayTimeout.into());
    upstream.account(KEY).script(Op::SubmitImage, [refuse]);
    assert_eq!(draw(&client, "timed out").await.status, 504);
    assert_eq!(upstream.book().prompt("timed out"), Submits { arrived: 1, accepted: 1 });
}

#[actix_rt::test]
async fn a_stream_breaks_off_with_an_error_event_instead_of_its_last() {
    let (upstream, client) = upstream();
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::ErrorEvent(Reason::ModerationBlocked.into())]);
    let mut order = order("half way");
    order["stream"] = true.into();
    order["partial_images"] = 1.into();
    let answer = client.post(PATH, &order).send().await.unwrap();
    let told = events(&answer);
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!((answer.status, kinds), (200, vec!["image_generation.partial_image", "error"]));
    assert_eq!(told[1]["error"]["code"], "moderation_blocked");
}

#[actix_rt::test]
async fn a_stream_whose_client_waits_for_its_pieces_is_under_way() {
    let (upstream, client) = upstream();
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::Drip { ms: 3_600_000 }]);
    let mut order = order("slow");
    order["stream"] = true.into();
    order["partial_images"] = 1.into();
    let mut reply = client.post(PATH, &order).begin().await.unwrap();
    assert!(reply.chunk().await.unwrap().unwrap().starts_with(b"event: image_generation.partial_image"));
    assert_eq!(upstream.account(KEY).book().in_flight, 1);
    drop(reply);
    let mut calls = 0;
    while upstream.account(KEY).book().in_flight == 1 && calls < 10_000 {
        client.get("/v1/models").send().await.unwrap();
        calls += 1;
    }
    assert_eq!(upstream.account(KEY).book().in_flight, 0);
}

#[actix_rt::test]
async fn a_close_after_the_body_is_a_fin_without_an_answer() {
    let (upstream, _) = upstream();
    assert_eq!(under(&upstream, Behaviour::CloseAfterBody, "closed"), (Vec::new(), Ended::Fin));
}

#[actix_rt::test]
async fn an_answer_with_a_length_is_cut_short_of_it() {
    let (upstream, _) = upstream();
    let cut = Behaviour::Cut { how: Framing::Length, percent: 30 };
    let (answer, ended) = under(&upstream, cut, "cut");
    let (head, body) = raw::split(&answer);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let length: usize = length.parse().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!((body.len(), ended), (length * 30 / 100, Ended::Fin));
    assert_eq!(upstream.book().prompt("cut").accepted, 1, "it was made all the same");
}

#[actix_rt::test]
async fn a_chunked_answer_is_cut_without_its_last_chunk() {
    let (upstream, _) = upstream();
    let cut = Behaviour::Cut { how: Framing::Chunked, percent: 50 };
    let (answer, _) = under(&upstream, cut, "cut");
    let (head, body) = raw::split(&answer);
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(body.len() > 50 && !body.ends_with(b"0\r\n\r\n"));
}

#[actix_rt::test]
async fn a_hanging_call_lasts_until_its_client_goes() {
    let (upstream, client) = upstream();
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::Hang]);
    let mut stream = raw::open(upstream.address());
    stream.write_all(&raw::post(PATH, KEY, &order("waits").to_string())).unwrap();
    let mut polls = 0;
    // A whole call of another connection takes longer than the first needs to arrive.
    while upstream.book().prompt("waits").arrived == 0 && polls < 10_000 {
        client.get("/v1/models").send().await.unwrap();
        polls += 1;
    }
    assert_eq!(upstream.account(KEY).book().in_flight, 1);
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(raw::drain(&mut stream), (Vec::new(), Ended::Fin));
    assert_eq!(upstream.account(KEY).book().in_flight, 0);
    assert_eq!(upstream.book().prompt("waits"), Submits { arrived: 1, accepted: 0 });
}

#[actix_rt::test]
async fn a_dripping_answer_comes_whole() {
    let (upstream, client) = upstream();
    let account = upstream.account(KEY);
    account.script(Op::SubmitImage, [Behaviour::Drip { ms: 1 }]);
    assert_eq!(image::load_from_memory(&picture(&draw(&client, "slow").await)).unwrap().width(), 64);
}

#[actix_rt::test]
async fn every_refusal_has_the_status_and_code_that_it_is_known_by() {
    let (upstream, client) = upstream();
    let known = [
        (Reason::Invalid, 400, "invalid_value"),
        (Reason::ModerationBlocked, 400, "moderation_blocked"),
        (Reason::BadKey, 401, "invalid_api_key"),
        (Reason::VerifyOrg, 403, ""),
        (Reason::NoPermission, 403, ""),
        (Reason::ModelNotFound, 404, "model_not_found"),
        (Reason::Timeout, 408, "request_timeout"),
        (Reason::Conflict, 409, "conflict"),
        (Reason::RateLimited, 429, "rate_limit_exceeded"),
        (Reason::ImagesPerMinute, 429, "rate_limit_exceeded"),
        (Reason::NotEntitled, 429, "rate_limit_exceeded"),
        (Reason::InsufficientQuota, 429, "insufficient_quota"),
        (Reason::SlowDown, 429, "slow_down"),
        (Reason::Illegal, 451, "unavailable_for_legal_reasons"),
        (Reason::ServerError, 500, ""),
        (Reason::BadGateway, 502, ""),
        (Reason::Overloaded, 503, "server_is_overloaded"),
        (Reason::GatewayTimeout, 504, ""),
        (Reason::Overloaded529, 529, "overloaded"),
    ];
    for (reason, status, code) in known {
        upstream.account(KEY).script(Op::SubmitImage, [Behaviour::Refuse(reason.into())]);
        let answer = draw(&client, "refused").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{reason:?}");
        let page = matches!(reason, Reason::BadGateway | Reason::GatewayTimeout);
        assert_eq!(answer.text().starts_with("<!DOCTYPE html>"), page, "{reason:?}");
    }
    assert_eq!(upstream.account(KEY).book().accepted(Op::SubmitImage), 0);
}

#[actix_rt::test]
async fn a_refusal_carries_its_headers_and_can_be_without_a_body() {
    let (upstream, client) = upstream();
    let refusal = Refusal {
        retry_after_ms: Some(1500),
        should_retry: Some(false),
        bare: true,
        ..Refusal::new(Reason::RateLimited).retry_after(7)
    };
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::Refuse(refusal)]);
    let answer = draw(&client, "refused").await;
    let header = |name: &str| answer.header(name).unwrap_or("").to_owned();
    assert_eq!(answer.status, 429);
    assert_eq!((header("retry-after"), header("retry-after-ms")), ("7".to_owned(), "1500".to_owned()));
    assert_eq!((header("x-should-retry"), answer.body.len()), ("false".to_owned(), 0));
}

#[actix_rt::test]
async fn an_answer_can_be_written_out_word_by_word() {
    let (upstream, client) = upstream();
    let headers = [("retry-after".to_owned(), "Wed, 21 Oct 2026 07:28:00 GMT".to_owned())].into();
    let written = Answer { status: 418, headers, json: Some(json!({"odd": true})), text: String::new() };
    upstream.account(KEY).script(Op::SubmitImage, [Behaviour::Answer(written)]);
    let answer = draw(&client, "odd").await;
    assert_eq!((answer.status, answer.json()), (418, json!({"odd": true})));
    assert!(answer.header("retry-after").unwrap().ends_with("GMT"));
}

#[actix_rt::test]
async fn lies_about_the_content_are_told() {
    let (upstream, client) = upstream();
    let account = upstream.account(KEY);
    account.script(
        Op::SubmitImage,
        [
            Behaviour::Html { status: 200 },
            Behaviour::ContentType("text/html".to_owned()),
            Behaviour::WrongSize { size: (48, 48) },
            Behaviour::NotAnImage,
        ],
    );
    let page = draw(&client, "page").await;
    assert_eq!((page.status, page.text().starts_with("<!DOCTYPE")), (200, true));
    let lied = draw(&client, "lied").await;
    assert_eq!(lied.header("content-type"), Some("text/html"));
    assert!(lied.json()["data"][0]["b64_json"].is_string());
    let other = image::load_from_memory(&picture(&draw(&client, "other").await)).unwrap();
    assert_eq!((other.width(), other.height()), (48, 48));
    assert!(image::load_from_memory(&picture(&draw(&client, "none").await)).is_err());
}

#[actix_rt::test]
async fn a_redirect_leads_where_the_script_says_and_the_other_host_tells_which_keys_came() {
    let ((upstream, client), other) = (upstream(), Upstream::start(Default::default()).unwrap());
    let to = format!("{}/v1/models", other.origin());
    let redirect = Behaviour::Redirect { to: to.clone(), status: 307 };
    upstream.account(KEY).script(Op::Models, [redirect]);
    let answer = client.get("/v1/models").send().await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (307, Some(to.as_str())));
    assert!(upstream.book().has_seen(KEY) && !other.book().has_seen(KEY));
    // A client that takes its key along is caught.
    client.get(&to).send().await.unwrap();
    assert!(other.book().has_seen(KEY));
    assert_eq!(other.book().strangers, 1);
}

#[actix_rt::test]
async fn a_delay_comes_before_what_it_delays() {
    let (upstream, client) = upstream();
    let late = Behaviour::Refuse(Reason::Overloaded.into()).after_ms(20).after_ms(10);
    upstream.account(KEY).script(Op::SubmitImage, [late]);
    let began = std::time::Instant::now();
    assert_eq!(draw(&client, "late").await.status, 503);
    assert!(began.elapsed().as_millis() >= 30);
}

#[actix_rt::test]
async fn chance_fails_as_many_calls_at_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (upstream, client) = upstream();
        let of = vec![Chance { p: 0.3, act: Behaviour::Refuse(Reason::ServerError.into()) }];
        upstream.account(KEY).mix(Op::SubmitImage, Mix { seed: 11, of });
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(draw(&client, "perhaps").await.status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500));
}
