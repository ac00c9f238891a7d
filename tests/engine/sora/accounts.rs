//! Who an account is: a look at it, invitations, user names, enhanced prompts, and new access tokens.

use super::*;
use atelier_domain::{
    account::Invites,
    browse::{Browse, Page},
    engine::EnhanceCall,
    enhance::Expansion,
    fault::FaultClass,
    renewal::{Grant, RenewalOrder, Renewer},
};
use atelier_providers::oauth::{OAuth, OAuthConfig};
use atelier_sim::upstream::{Behaviour, Limits, Op, Reason, Standing};

fn put(world: &World, sora: Membership, limits: Limits) {
    world.upstream.put(
        KEY,
        AccountSetup { sora, limits, email: Some("a@example.com".into()), ..AccountSetup::default() },
    );
}

#[actix_rt::test]
async fn a_look_tells_who_it_is_its_plan_its_quota_and_its_invitations() {
    let world = World::new();
    let sora = Membership {
        plan: Some("chatgpt_pro".into()),
        username: Some("fox".into()),
        redeemed: 3,
        ..Membership::default()
    };
    put(&world, sora, Limits { videos: Some(7), ..Limits::default() });
    let check = || Arc::clone(&world.engine).check(world.credential());
    let found = check().await.unwrap();
    assert_eq!(
        (found.identity.email.as_deref(), found.identity.username.as_deref()),
        (Some("a@example.com"), Some("fox"))
    );
    let plan = found.plan.unwrap();
    assert_eq!((plan.id.as_str(), plan.title.as_str()), ("chatgpt_pro", "ChatGPT pro"));
    assert!(plan.ends_at.is_some());
    assert_eq!((found.quota["sora"].remaining, found.quota["sora"].resets_at.is_some()), (7, true));
    assert_eq!(found.invites, Some(Invites { code: "XYZ789".into(), redeemed: 3, total: 10 }));

    // What it works without may fail; what opens it may not.
    for op in [Op::Plan, Op::Quota, Op::Invite] {
        world.account().script(op, [Behaviour::Refuse(Reason::Overloaded.into())]);
        assert!(check().await.is_ok(), "{op:?}");
    }
    world.account().script(Op::Plan, [Behaviour::Refuse(Reason::BadKey.into())]);
    assert_eq!(check().await.unwrap_err().class, FaultClass::Auth);
    world.account().script(Op::Invite, [Behaviour::Refuse(Reason::Illegal.into())]);
    assert_eq!(check().await.unwrap_err().class, FaultClass::NotEntitled);
    world.account().script(Op::Account, [Behaviour::Html { status: 200 }]);
    assert_eq!(check().await.unwrap_err().class, FaultClass::Network);
    world.account().revoke();
    assert_eq!(check().await.unwrap_err().class, FaultClass::Auth);
}

#[actix_rt::test]
async fn an_account_that_was_not_invited_has_no_quota_until_it_is() {
    let world = World::new();
    put(&world, Membership { standing: Standing::Outside, ..Membership::default() }, Limits::default());
    let found = Arc::clone(&world.engine).check(world.credential()).await.unwrap();
    assert!(found.quota.is_empty() && found.invites.is_none());
    let accept =
        |code: &str| Arc::clone(&world.engine).accept_invitation(world.credential(), code.to_owned());
    assert_eq!(accept("WRONG1").await.unwrap_err().class, FaultClass::Invalid);
    assert!(!accept("ABC123").await.unwrap() && accept("ABC123").await.unwrap());
    let found = Arc::clone(&world.engine).check(world.credential()).await.unwrap();
    assert!(found.quota.contains_key("sora") && found.invites.is_some());

    put(&world, Membership { standing: Standing::Unseen, ..Membership::default() }, Limits::default());
    let found = Arc::clone(&world.engine).check(world.credential()).await.unwrap();
    assert!(found.quota.contains_key("sora"), "an account that was never seen is made known once");
}

#[actix_rt::test]
async fn an_account_has_a_user_name_once_it_is_claimed_and_keeps_it() {
    let world = World::new();
    let claim = || Arc::clone(&world.engine).claim_username(world.credential());
    let first = claim().await.unwrap();
    assert!(!first.already_set && first.username.len() > 3);
    let again = claim().await.unwrap();
    assert_eq!((again.already_set, &again.username), (true, &first.username));
    assert_eq!(world.account().book().accepted(Op::Username), 2, "one look whether it is free, one set");
}

#[actix_rt::test]
async fn what_is_shown_to_everybody_can_be_seen_and_what_is_not_there_is_none() {
    let world = World::new();
    put(&world, Membership { username: Some("fox.1".into()), ..Membership::default() }, Limits::default());
    let see = |what: Browse| Arc::clone(&world.engine).browse(world.credential(), what);
    let page = || Page { limit: 8, cursor: None };
    let profile = |name: &str| Browse::Profile { username: name.to_owned() };
    let found = see(profile("fox.1")).await.unwrap().unwrap();
    assert_eq!(found["username"], "fox.1");
    for nobody in ["nobody", "../../../me", ""] {
        assert_eq!(see(profile(nobody)).await.unwrap(), None, "{nobody}");
    }
    let search = Browse::Search { username: "fo".into(), characters_only: true, limit: 3 };
    assert_eq!(see(search).await.unwrap().unwrap()["items"][0]["profile"]["username"], "fox.1");
    let user_id = found["user_id"].as_str().unwrap().to_owned();
    for what in [Browse::Feed { top: true, page: page() }, Browse::UserFeed { user_id, page: page() }] {
        assert_eq!(see(what).await.unwrap().unwrap()["items"], serde_json::json!([]));
    }
    let nobody = Browse::UserFeed { user_id: "user-0".into(), page: page() };
    assert_eq!(see(nobody).await.unwrap(), None);
    world.account().script(Op::List, [Behaviour::Refuse(Reason::BadKey.into())]);
    assert_eq!(see(profile("fox.1")).await.unwrap_err().class, FaultClass::Auth);
}

#[actix_rt::test]
async fn a_prompt_is_enhanced_there() {
    let world = World::new();
    for (seconds, told) in [(10, "10 s"), (12, "15 s"), (60, "25 s")] {
        let call = EnhanceCall {
            credential: world.credential(),
            prompt: "a fox".into(),
            expansion: Expansion::Long,
            seconds,
        };
        let text = Arc::clone(&world.engine).enhance(call).await.unwrap();
        assert_eq!(text, format!("PRIMARY: a fox (long, {told})"));
    }
}

#[actix_rt::test]
async fn a_refused_token_is_renewed_and_the_task_goes_on_where_it_was() {
    let world = World::new();
    world.upstream.put(
        KEY,
        AccountSetup {
            session_token: Some("st-1".into()),
            refresh_token: Some("rt-1".into()),
            ..AccountSetup::default()
        },
    );
    let clock = Arc::new(SystemClock);
    let outbound = Arc::new(Outbound::new(OutboundConfig::default(), clock.clone()).unwrap());
    let origin = world.upstream.origin();
    let renewer = Arc::new(OAuth::new(
        OAuthConfig {
            session_url: format!("{origin}/api/auth/session"),
            token_url: format!("{origin}/oauth/token"),
            ..OAuthConfig::default()
        },
        outbound,
        clock,
    ));
    let task = Task::Video(video("a fox"));
    let mut call = world.call(task);
    let Submission::Accepted { handle, .. } = Arc::clone(&world.engine).submit(call.clone()).await else {
        panic!()
    };
    let mut refresh = "rt-1".to_owned();
    for grant in ["refresh", "refresh", "session"] {
        world.account().revoke();
        let polled = Arc::clone(&world.engine).poll(call.clone(), handle.clone()).await;
        let Polled::Unlearned(fault) = polled else { panic!("{}", super::super::polled(&polled)) };
        assert_eq!(fault.class, FaultClass::Auth);
        let grant = match grant {
            "refresh" => Grant::Refresh { token: Secret::new(refresh.clone()), client_id: None },
            _ => Grant::Session(Secret::new("st-1")),
        };
        let renewal = Arc::clone(&renewer).renew(RenewalOrder { grant, proxy: None }).await.unwrap();
        if let Some(next) = renewal.refresh_token {
            assert_ne!(next.expose(), refresh, "a refresh token is good once");
            refresh = next.expose().to_owned();
        }
        let secrets = AccountSecrets { token: Some(renewal.token), ..AccountSecrets::default() };
        call.credential.secrets = Arc::new(secrets);
        let polled = Arc::clone(&world.engine).poll(call.clone(), handle.clone()).await;
        assert!(
            matches!(polled, Polled::Pending { .. } | Polled::Done(_)),
            "{}",
            super::super::polled(&polled)
        );
    }
    assert_eq!(world.upstream.book().prompt("a fox").arrived, 1, "it was made twice");
}
