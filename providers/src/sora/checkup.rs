//! A look at an account: who it is, what it has paid for, what is left of its quota, and whom it may invite.

use super::{refusal::No, upstream::Upstream};
use crate::openai::Asked;
use atelier_domain::{
    account::{Identity, Invites, Plan, Quota},
    engine::Checkup,
    fault::{Fault, FaultClass},
    time::Millis,
};
use chrono::DateTime;
use futures_util::join;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// The family of models that the quota is of.
const FAMILY: &str = "sora";

/// Looks at the account.
///
/// # Errors
/// `auth` when the token is refused; anything else says nothing about it.
pub(super) async fn check(upstream: &Upstream) -> Result<Checkup, Fault> {
    // The token first: without it the rest says nothing.
    let me = upstream.look("/me").await?;
    let (plans, quota, invites) =
        join!(upstream.look("/billing/subscriptions"), upstream.look("/nf/check"), invitations(upstream));
    let text = |name: &str| me.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let identity =
        Identity { email: text("email").map(str::to_owned), username: text("username").map(str::to_owned) };
    let standing = invites?;
    let quota = known(quota)?.and_then(|said| quota_of(&said, upstream.now()));
    let quota = quota.filter(|_| standing != Standing::Outside);
    let invites = match standing {
        Standing::May(invites) => Some(invites),
        Standing::Outside | Standing::Unsaid => None,
    };
    Ok(Checkup {
        identity,
        plan: known(plans)?.and_then(|said| plan_of(&said)),
        quota: quota.map(|quota| (FAMILY.to_owned(), quota)).into_iter().collect::<BTreeMap<_, _>>(),
        models: None,
        models_are_all: false,
        invites,
    })
}

/// Something that an account works without. That its token is refused is another matter.
fn known(said: Result<Value, Fault>) -> Result<Option<Value>, Fault> {
    match said {
        Ok(said) => Ok(Some(said)),
        Err(fault) if fault.class == FaultClass::Auth => Err(fault),
        Err(fault) => {
            tracing::debug!(context = %fault.context, "a look at an account told not all");
            Ok(None)
        }
    }
}

/// How an account stands to invitations.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// It was invited, and may invite.
    May(Invites),
    /// It was not invited.
    Outside,
    /// Its upstream says nothing.
    Unsaid,
}

/// Whom it may invite. An account that was never seen there is made known to it once.
async fn invitations(upstream: &Upstream) -> Result<Standing, Fault> {
    const MINE: &str = "/project_y/invite/mine";
    let outside = |no: &No| no.is(401, "Unauthorized");
    let mut said = upstream.try_look(MINE).await?;
    if said.as_ref().is_err_and(outside) && upstream.try_look("/m/bootstrap").await?.is_ok() {
        said = upstream.try_look(MINE).await?;
    }
    match said {
        Ok(said) => Ok(invites_of(&said).map_or(Standing::Unsaid, Standing::May)),
        Err(no) if outside(&no) => Ok(Standing::Outside),
        // A place that is not served concerns everything; what else is refused here, the account works without.
        Err(no) if no.has_code("unsupported_country_code") => Err(no.fault(Asked::Look, upstream.secrets())),
        Err(_) => Ok(Standing::Unsaid),
    }
}

fn invites_of(said: &Value) -> Option<Invites> {
    let number = |name: &str| said.get(name).and_then(Value::as_u64).unwrap_or(0);
    let code = said.get("invite_code")?.as_str().filter(|code| !code.is_empty())?.to_owned();
    Some(Invites { code, redeemed: number("redeemed_count"), total: number("total_count") })
}

/// The first subscription; none is a free account.
fn plan_of(said: &Value) -> Option<Plan> {
    let first = said.pointer("/data/0")?;
    let text = |place: &str| first.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let plan =
        Plan { id: text("/plan/id"), title: text("/plan/title"), ends_at: moment(first.get("end_ts")) };
    (!plan.id.is_empty()).then_some(plan)
}

/// A moment as a text, or as seconds in a number or a text.
fn moment(said: Option<&Value>) -> Option<Millis> {
    let said = said?;
    let seconds = said.as_f64().or_else(|| said.as_str()?.trim().parse().ok());
    let ms = match seconds {
        Some(seconds) => (seconds * 1000.0).round() as i64,
        None => DateTime::parse_from_rfc3339(said.as_str()?).ok()?.timestamp_millis(),
    };
    Some(Millis(ms))
}

fn quota_of(said: &Value, now: Millis) -> Option<Quota> {
    let balance = said.get("rate_limit_and_credit_balance")?;
    let number =
        |name: &str| balance.get(name).and_then(Value::as_f64).map_or(0, |number| number.max(0.0) as u64);
    let is_over = balance.get("rate_limit_reached").and_then(Value::as_bool).unwrap_or(false);
    let left = number("estimated_num_videos_remaining") + number("estimated_num_purchased_videos_remaining");
    let wait = Duration::from_secs(number("access_resets_in_seconds"));
    let resets_at = (!wait.is_zero()).then(|| now + wait);
    Some(Quota { remaining: if is_over { 0 } else { left }, resets_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plan_is_read_however_its_end_is_written_and_none_is_a_free_account() {
        for (end, ms) in [
            (json!("2025-11-13T16:58:21Z"), Some(Millis(1_763_053_101_000))),
            (json!(1_763_053_101), Some(Millis(1_763_053_101_000))),
            (json!("1763053101"), Some(Millis(1_763_053_101_000))),
            (json!(null), None),
            (json!("some day"), None),
        ] {
            let said =
                json!({"data": [{"plan": {"id": "chatgpt_pro", "title": "ChatGPT Pro"}, "end_ts": end}]});
            let plan = Plan { id: "chatgpt_pro".into(), title: "ChatGPT Pro".into(), ends_at: ms };
            assert_eq!(plan_of(&said), Some(plan), "{said}");
        }
        for said in [json!({"data": []}), json!({}), json!(null), json!({"data": [{"plan": null}]})] {
            assert_eq!(plan_of(&said), None, "{said}");
        }
    }

    #[test]
    fn a_quota_that_is_used_up_says_until_when() {
        let said = |left: f64, reached: bool| {
            json!({"rate_limit_and_credit_balance": {"estimated_num_videos_remaining": left,
                "estimated_num_purchased_videos_remaining": 2, "rate_limit_reached": reached, "access_resets_in_seconds": 60}})
        };
        let resets_at = Some(Millis(60_000));
        assert_eq!(quota_of(&said(27.0, false), Millis(0)), Some(Quota { remaining: 29, resets_at }));
        assert_eq!(quota_of(&said(27.0, true), Millis(0)), Some(Quota { remaining: 0, resets_at }));
        assert_eq!(quota_of(&json!({}), Millis(0)), None);
    }
}
