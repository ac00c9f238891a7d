//! Who an account is there: its plan, its quota, invitations, and its user name.

use super::errors::{balance, refuse};
use crate::upstream::{
    refusal::{Reason, Refusal},
    reply::Reply,
    stage::{Call, Stage},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What an account is on this wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Membership {
    /// Its plan, such as `chatgpt_pro`; none is a free account.
    pub plan: Option<String>,
    /// Its user name, if it has set one.
    pub username: Option<String>,
    /// Whether it was invited.
    pub standing: Standing,
    /// How many have used its invitation.
    pub redeemed: u64,
}

/// How an account stands to invitations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was invited.
    #[default]
    Member,
    /// It was, and has to be bootstrapped once.
    Unseen,
    /// It was not.
    Outside,
}

/// How many an account may invite.
const INVITES: u64 = 10;

/// An invitation that is good.
pub const INVITATION: &str = "ABC123";

/// What is told by a call that has counted.
fn told(stage: &Stage, call: &Call, body: &Value) -> Reply {
    stage.world().book.accepted(&call.account, call.op, None);
    Reply::json(200, body)
}

fn membership(stage: &Stage, call: &Call) -> Membership {
    stage.world().accounts.of(&call.account, stage.clock.now_ms()).sora.clone()
}

fn change(stage: &Stage, call: &Call, change: impl FnOnce(&mut Membership)) {
    change(&mut stage.world().accounts.of(&call.account, stage.clock.now_ms()).sora);
}

/// Whether an account has the plan that fine films need.
pub fn is_pro(stage: &Stage, account: &str) -> bool {
    let mut world = stage.world();
    world.accounts.get(account).is_some_and(|account| account.sora.plan.as_deref() == Some("chatgpt_pro"))
}

/// Who it is.
pub fn me(stage: &Stage, call: &Call) -> Reply {
    let email = stage.world().accounts.of(&call.account, stage.clock.now_ms()).email.clone();
    let username = membership(stage, call).username;
    told(
        stage,
        call,
        &json!({"id": "user-000000000000000000000000", "email": email, "name": "Someone", "username": username}),
    )
}

/// What it has paid for.
pub fn plan(stage: &Stage, call: &Call) -> Reply {
    let plan = membership(stage, call).plan;
    let title = |id: &str| id.replace("chatgpt_", "ChatGPT ");
    let data: Vec<_> = plan
        .iter()
        .map(|id| json!({"plan": {"id": id, "title": title(id)}, "end_ts": "2027-11-13T16:58:21Z"}))
        .collect();
    told(stage, call, &json!({"data": data}))
}

/// What is left of its quota.
pub fn quota(stage: &Stage, call: &Call) -> Reply {
    let left = {
        let mut world = stage.world();
        let account = world.accounts.of(&call.account, stage.clock.now_ms());
        account.used.videos_left(&account.limits)
    };
    told(stage, call, &json!({"rate_limit_and_credit_balance": balance(left)}))
}

/// The code that it may invite with.
pub fn invite(stage: &Stage, call: &Call) -> Reply {
    let membership = membership(stage, call);
    if membership.standing != Standing::Member {
        return Reply::json(
            401,
            &json!({"error": {"message": "Unauthorized", "type": null, "param": null, "code": null}}),
        );
    }
    told(
        stage,
        call,
        &json!({"invite_code": "XYZ789", "redeemed_count": membership.redeemed, "total_count": INVITES}),
    )
}

/// Makes an invited account known.
pub fn bootstrap(stage: &Stage, call: &Call) -> Reply {
    change(stage, call, |membership| {
        if membership.standing == Standing::Unseen {
            membership.standing = Standing::Member;
        }
    });
    told(stage, call, &json!({}))
}

/// Accepts an invitation.
pub fn accept(stage: &Stage, call: &Call) -> Reply {
    if call.asked.text("invite_code") != Some(INVITATION) {
        return refuse(
            stage,
            &Refusal::new(Reason::Invalid).saying("This invite code is not valid.").blaming("invite_code"),
        );
    }
    let already = membership(stage, call).standing == Standing::Member;
    change(stage, call, |membership| membership.standing = Standing::Member);
    told(stage, call, &json!({"success": true, "already_accepted": already}))
}

fn is_taken(stage: &Stage, name: &str) -> bool {
    let world = stage.world();
    world.accounts.all().any(|(_, account)| account.sora.username.as_deref() == Some(name))
}

/// Whether a user name is free.
pub fn check_username(stage: &Stage, call: &Call) -> Reply {
    let name = call.asked.text("username").unwrap_or_default();
    let is_free = !name.is_empty() && !is_taken(stage, name);
    told(stage, call, &json!({"available": is_free}))
}

/// Sets its user name.
pub fn set_username(stage: &Stage, call: &Call) -> Reply {
    let name = call.asked.text("username").unwrap_or_default().to_owned();
    if name.is_empty() || is_taken(stage, &name) {
        return refuse(
            stage,
            &Refusal::new(Reason::Invalid).saying("This username is taken.").blaming("username"),
        );
    }
    change(stage, call, |membership| membership.username = Some(name.clone()));
    told(stage, call, &json!({"user_id": "user-000000000000000000000000", "username": name}))
}

/// Describes a shot.
pub fn enhance(stage: &Stage, call: &Call) -> Reply {
    let (asked, known) = (&call.asked, ["short", "medium", "long"]);
    let level = asked.text("expansion_level").filter(|level| known.contains(level));
    let seconds = asked.number("duration_s").filter(|seconds| [5, 10, 15, 20, 25].contains(seconds));
    let (Some(level), Some(seconds)) = (level, seconds) else {
        return refuse(stage, &Refusal::new(Reason::Invalid));
    };
    let prompt = asked.text("prompt").unwrap_or_default();
    told(stage, call, &json!({"enhanced_prompt": format!("PRIMARY: {prompt} ({level}, {seconds} s)")}))
}
