//! The contract of a service that solves browser challenges: `GET /v1/challenge`. This one solves nothing, it only answers.

use super::{
    account::SOLVER,
    asked::Head,
    refusal::Refusal,
    reply::Reply,
    script::Op,
    stage::{Call, Route, Stage, Who, Wire},
};
use serde_json::json;

/// This wire.
pub const WIRE: Wire = Wire { route, refuse };

fn route(stage: &Stage, head: &Head) -> Option<Route> {
    if (head.method.as_str(), head.path.as_str()) != ("GET", "/v1/challenge") {
        return None;
    }
    let open = stage.setup.solver_key.as_deref().is_none_or(|key| head.bearer() == Some(key));
    let who = if open {
        Who::Account(SOLVER.to_owned())
    } else {
        Who::Stranger(Box::new(Reply::json(401, &json!({"success": false, "error": "invalid API key"}))))
    };
    Some(Route { op: Op::Challenge, id: String::new(), who, answer })
}

/// It says no under 200 when it just could not, and under the refusal's status otherwise.
fn refuse(_: &Stage, refusal: &Refusal) -> Reply {
    let status = refusal.reason.terms().status;
    let status = if status < 500 { 200 } else { status };
    Reply::json(status, &json!({"success": false, "error": refusal.text()}))
}

fn answer(stage: &Stage, call: &Call) -> Reply {
    let number = {
        let mut world = stage.world();
        world.book.accepted(&call.account, Op::Challenge, None);
        world.id("clearance")
    };
    Reply::json(
        200,
        &json!({
            "success": true, "cookies": {"cf_clearance": number, "__cf_bm": "simulated"},
            "user_agent": "Mozilla/5.0 (simulated)", "elapsed_seconds": 0.1,
        }),
    )
}
