//! The wire of the Sora web application and of servers that are compatible with it, below `/backend`.
//!
//! Where it is from: the letters are those of the wire reference. [A] and [B] are two gateways whose code was read, [G] a client library,
//! [H] an inventory of fields that somebody recorded, [I] bodies that users pasted, [?] inferred. Nobody asked the real service.
//!
//! | what | from |
//! |---|---|
//! | `video_gen`, `v2/recent_tasks`, `uploads` | A B G; `failure_reason` H |
//! | `nf/create`, its remix form, `nf/create/storyboard` | A B G; a `title` that lists repeat ? |
//! | `long_video_extension` | A |
//! | `nf/pending`, `nf/pending/v2` | B; A B G H |
//! | `profile/drafts` and its `cursor` | A B G; H |
//! | `project_y/post` | A B G |
//! | `me`, `billing/subscriptions`, `nf/check` | A B G |
//! | `invite/mine`, `invite/accept`, `m/bootstrap`, user names | A B |
//! | profiles, feeds, searches | B; their fields H |
//! | `editor/enhance_prompt` | A G |
//! | `get-sora-link`, which is another service's | A B |
//! | errors | I, and A where it reads them |
//!
//! Proofs that the real service asked of browsers are neither asked for nor looked at.

mod account;
mod create;
mod errors;
mod lists;
mod posts;
mod shelf;
mod social;

pub use account::{Membership, Standing};
pub use shelf::Shelf;

use super::{
    asked::{Asked, Head},
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Route, Stage, Who, Wire},
};
use serde_json::json;

/// This wire.
pub const WIRE: Wire = Wire { route, refuse: errors::refuse };

type Answer = fn(&Stage, &Call) -> Reply;

fn route(stage: &Stage, head: &Head) -> Option<Route> {
    let segments = head.segments();
    if (head.method.as_str(), segments.as_slice()) == ("POST", &["get-sora-link"]) {
        return Some(Route {
            op: Op::Parse,
            id: String::new(),
            who: Who::InBody(parser),
            answer: posts::parse,
        });
    }
    let path = segments.strip_prefix(&["backend"])?;
    let (op, id, answer): (Op, &str, Answer) = match (head.method.as_str(), path) {
        ("POST", ["video_gen"]) => (Op::SubmitImage, "", create::image),
        ("POST", ["nf", "create"]) => (Op::SubmitVideo, "", create::video),
        ("POST", ["nf", "create", "storyboard"]) => (Op::SubmitVideo, "", create::storyboard),
        ("POST", ["project_y", "profile", "drafts", id, "long_video_extension"]) => {
            (Op::SubmitVideo, id, create::extension)
        }
        ("POST", ["uploads"]) => (Op::Upload, "", create::upload),
        ("GET", ["v2", "recent_tasks"]) => (Op::Poll, "", lists::recent),
        ("GET", ["nf", "pending"] | ["nf", "pending", "v2"]) => (Op::Poll, "", lists::pending),
        ("GET", ["project_y", "profile", "drafts"]) => (Op::Drafts, "", lists::drafts),
        ("POST", ["project_y", "post"]) => (Op::Publish, "", posts::publish),
        ("GET", ["project_y", "post", id]) => (Op::Content, id, posts::read),
        ("DELETE", ["project_y", "post", id]) => (Op::Delete, id, posts::delete),
        ("GET", ["me"]) => (Op::Account, "", account::me),
        ("GET", ["billing", "subscriptions"]) => (Op::Plan, "", account::plan),
        ("GET", ["nf", "check"]) => (Op::Quota, "", account::quota),
        ("GET", ["project_y", "invite", "mine"]) => (Op::Invite, "", account::invite),
        ("POST", ["project_y", "invite", "accept"]) => (Op::Invite, "", account::accept),
        ("GET", ["m", "bootstrap"]) => (Op::Account, "", account::bootstrap),
        ("POST", ["project_y", "profile", "username", "check"]) => {
            (Op::Username, "", account::check_username)
        }
        ("POST", ["project_y", "profile", "username", "set"]) => (Op::Username, "", account::set_username),
        ("GET", ["project_y", "profile", "username", name]) => (Op::List, name, social::profile),
        ("GET", ["project_y", "profile", "search_mentions"]) => (Op::List, "", social::search),
        ("GET", ["project_y", "profile_feed", id]) => (Op::List, id, social::user_feed),
        ("GET", ["project_y", "feed"]) => (Op::List, "", social::feed),
        ("POST", ["editor", "enhance_prompt"]) => (Op::Enhance, "", account::enhance),
        _ => return None,
    };
    Some(Route { op, id: id.to_owned(), who: who(stage, head), answer })
}

fn who(stage: &Stage, head: &Head) -> Who {
    let opened = head.bearer().and_then(|key| stage.world().accounts.opened_by(key, stage.clock.now_ms()));
    let unknown = || Who::Stranger(Box::new(errors::refuse(stage, &Refusal::new(Reason::BadKey))));
    opened.map_or_else(unknown, Who::Account)
}

/// The parse service knows callers by what stands in the body.
fn parser(stage: &Stage, asked: &Asked) -> Result<String, Box<Reply>> {
    let opened =
        asked.text("token").and_then(|token| stage.world().accounts.opened_by(token, stage.clock.now_ms()));
    opened.ok_or_else(|| Box::new(Reply::json(401, &json!({"error": "invalid token"}))))
}

/// What an extension is to show; every other call says it as all wires do.
pub fn prompt(asked: &Asked) -> Option<String> {
    asked.text("user_prompt").map(str::to_owned)
}
