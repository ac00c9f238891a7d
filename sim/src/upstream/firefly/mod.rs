//! The wire of Adobe Firefly, written from public descriptions and never held against Adobe. Where each part is from: [A] the source of
//! a gateway that was in use, [T] other public gateways and captures that agree with each other, [O] Adobe's own OpenAPI files, [S] the
//! document of a gateway whose clients exist.
//!
//! | part | from |
//! |---|---|
//! | paths, bodies and markers of refusals of the web back end (`/v2/…`) | [A], [T] |
//! | Firefly Services (`/v3/…`), uploads, statuses, cancel | [O] |
//! | tokens for cookies, balance, profile | [A], [T] |
//! | discovery | [T] |
//! | what Sora refuses of frames; that Gemini has no quality | [S] |
//!
//! Jobs take turns in what upstreams were seen to do: the first names its poll address as an object, the second in a header alone (and
//! tells its status there, too), the third as a text, the fourth as `statusUrl`. Polls take turns in how they tell progress: as
//! percent, as a fraction, as a text.
//!
//! Quotas: an account's `images` are the free ones of its pictures, its `videos` those of its films; each runs out alone.

mod ims;
mod look;
mod refuse;
mod services;
mod web;
mod works;

pub use works::{Works, spoken};

use super::{
    asked::Head,
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Route, Stage, Who, Wire},
};

/// This wire.
pub const WIRE: Wire = Wire { route, refuse: refuse::refuse };

type Answer = fn(&Stage, &Call) -> Reply;

fn route(stage: &Stage, head: &Head) -> Option<Route> {
    let segments = head.segments();
    if let ["ims", ..] = segments.as_slice() {
        return ims::route(stage, head, &segments);
    }
    let (op, id, answer): (Op, &str, Answer) = match (head.method.as_str(), segments.as_slice()) {
        ("POST", ["v2", "3p-images", "generate-async"]) => (Op::SubmitImage, "", web::picture),
        ("POST", ["v2", "3p-videos", "generate-async"]) => (Op::SubmitVideo, "", web::film),
        ("POST", ["v2", "storage", "image"]) => (Op::Upload, "", works::upload),
        ("GET", ["v2", "status", id]) => (Op::Poll, id, look::web),
        ("POST", ["v2", "models", "discovery"]) => (Op::Models, "", look::discovery),
        ("GET", ["v1", "credits", "balance"]) => (Op::Balance, "", look::balance),
        ("POST", ["v3", "images", "generate-async"]) => (Op::SubmitImage, "", services::picture),
        ("POST", ["v3", "videos", "generate"]) => (Op::SubmitVideo, "", services::film),
        ("GET", ["v3", "status", id]) => (Op::Poll, id, look::services),
        ("PUT", ["v3", "cancel", id]) => (Op::Delete, id, services::cancel),
        ("GET", ["v3", "custom-models"]) => (Op::Models, "", services::custom_models),
        _ => return None,
    };
    Some(Route { op, id: id.to_owned(), who: who(stage, head), answer })
}

/// Whose token it is. A call also needs the key of the client that the token was given to.
fn who(stage: &Stage, head: &Head) -> Who {
    let opened = head.bearer().and_then(|key| stage.world().accounts.opened_by(key, stage.clock.now_ms()));
    let name = match opened {
        Some(name) if head.header("x-api-key").is_some() => name,
        Some(_) => {
            let refusal = Refusal::new(Reason::Invalid).saying("Api Key is required");
            return Who::Stranger(Box::new(refuse::refuse(stage, &refusal)));
        }
        None => return Who::Stranger(Box::new(refuse::refuse(stage, &Refusal::new(Reason::BadKey)))),
    };
    let client = stage.world().accounts.get(&name).and_then(|account| account.client_id.clone());
    if client.is_some_and(|client| head.header("x-api-key") != Some(&client)) {
        let refusal = Refusal::new(Reason::BadKey).saying("Api Key and token do not match");
        return Who::Stranger(Box::new(refuse::refuse(stage, &refusal)));
    }
    Who::Account(name)
}
