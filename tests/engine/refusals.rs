//! Every refusal that the simulated upstream knows, in every dialect's shape.

use super::*;
use atelier_domain::fault::FaultClass;
use atelier_sim::upstream::{Behaviour, Op, Reason, Refusal};

#[actix_rt::test]
async fn every_refusal_of_every_dialect_is_the_class_that_it_is() {
    use FaultClass::*;
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        let account = world.upstream.account(KEY);
        for (reason, class) in [
            (Reason::Invalid, Invalid),
            (Reason::ModerationBlocked, Content),
            (Reason::UnknownParameter, Invalid),
            (Reason::BadKey, Auth),
            (Reason::VerifyOrg, NotEntitled),
            (Reason::ModelNotFound, ModelGone),
            (Reason::Timeout, Overloaded),
            (Reason::Conflict, Overloaded),
            (Reason::Unprocessable, Invalid),
            (Reason::RateLimited, RateLimited),
            (Reason::ImagesPerMinute, RateLimited),
            (Reason::NotEntitled, NotEntitled),
            (Reason::Concurrency, Concurrency),
            (Reason::DailyLimit, QuotaWindow),
            (Reason::InsufficientQuota, Billing),
            (Reason::SlowDown, RateLimited),
            (Reason::ServerError, Overloaded),
            (Reason::BadGateway, UnknownOutcome),
            (Reason::Overloaded, Overloaded),
            (Reason::GatewayTimeout, UnknownOutcome),
            (Reason::Overloaded529, Overloaded),
        ] {
            account.script(Op::SubmitImage, [Behaviour::Refuse(reason.into())]);
            let (fault, unknown) = match world.submit(Task::Image(world.image("a fox"))).await {
                Submission::Rejected(fault) => (fault, false),
                Submission::Unknown(fault) => (fault, true),
                other => panic!("{name}: {reason:?}: {}", submitted(&other)),
            };
            assert_eq!(fault.class, class, "{name}: {reason:?}: {fault:?}");
            assert_eq!(unknown, class == UnknownOutcome, "{name}: {reason:?}");
            assert!(!format!("{fault:?}").contains(KEY), "{name}: {reason:?}: {fault:?}");
        }
    }
}

#[actix_rt::test]
async fn a_refusal_without_a_body_is_judged_by_its_status_and_a_hint_is_kept() {
    let world = World::of(Dialect::Openai);
    let account = world.upstream.account(KEY);
    for (reason, class) in [
        (Reason::Invalid, FaultClass::Invalid),
        (Reason::RateLimited, FaultClass::RateLimited),
        (Reason::ServerError, FaultClass::UnknownOutcome),
        (Reason::Overloaded, FaultClass::Overloaded),
    ] {
        let bare = Refusal { bare: true, retry_after: Some(3), ..Refusal::from(reason) };
        account.script(Op::SubmitImage, [Behaviour::Refuse(bare)]);
        match world.submit(Task::Image(world.image("a fox"))).await {
            Submission::Rejected(fault) | Submission::Unknown(fault) => {
                assert_eq!(fault.class, class, "{reason:?}");
                assert!(fault.retry_at.is_some(), "{reason:?}");
            }
            other => panic!("{reason:?}: {}", submitted(&other)),
        }
    }
}

#[actix_rt::test]
async fn a_wrong_key_is_told_from_everything_else_by_a_check() {
    for (dialect, name) in DIALECTS {
        let world = World::of(dialect);
        let found = Arc::clone(&world.engine).check(world.credential()).await.unwrap();
        let models = found.models.unwrap_or_default();
        assert!(models.iter().any(|model| model.name == world.model("image")), "{name}: {models:?}");
        let mut wrong = world.credential();
        wrong.secrets =
            Arc::new(AccountSecrets { token: Some(Secret::new("sk-wrong")), ..AccountSecrets::default() });
        let outcome = Arc::clone(&world.engine).check(wrong).await;
        if !matches!(dialect, Dialect::Sglang | Dialect::VllmOmni | Dialect::SdServer) {
            assert_eq!(outcome.unwrap_err().class, FaultClass::Auth, "{name}");
        }
    }
}
