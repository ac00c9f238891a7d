//! Accounts: looks at them, what they are told with each call, and new tokens.

use super::*;
use atelier_domain::{
    fault::FaultClass,
    job::JobKind,
    renewal::{Grant, RenewalOrder, Renewer},
};
use atelier_providers::firefly::FireflyTokens;

#[actix_rt::test]
async fn a_look_tells_whose_an_account_is_what_is_left_and_what_it_makes() {
    let world = World::new();
    let look = |token: &str| Arc::clone(&world.engine).check(World::credential(token));
    let found = look(FIRST).await.unwrap();
    assert_eq!(found.identity.email.as_deref(), Some("someone@example.com"));
    assert_eq!(found.plan.unwrap().id, "firefly_free");
    assert_eq!((found.quota["gpt-image"].remaining, found.quota["sora"].remaining), (10, 2));
    let models = found.models.unwrap();
    let kind = |name: &str| models.iter().find(|model| model.name == name).map(|model| model.kind);
    assert_eq!(kind("gpt-image-2"), Some(Some(JobKind::Image)));
    assert_eq!(kind("sora-2"), Some(Some(JobKind::Video)));
    assert_eq!(kind("fluxPro"), Some(Some(JobKind::Image)));
    assert_eq!(kind("veo-3.1-fast-generate"), Some(Some(JobKind::Video)));
    assert_eq!((kind("old"), kind("flux-old")), (None, None), "what is switched off is not offered");
    world.begin(FIRST, &Task::Video(video("sora-2", 4))).await;
    assert_eq!(look(FIRST).await.unwrap().quota["sora"].remaining, 1);
    assert_eq!(look(SECOND).await.unwrap().quota["sora"].remaining, 2);
    let services = look(MACHINE).await.unwrap().models.unwrap();
    assert!(services.iter().any(|model| model.name == "firefly-image-4"), "{services:?}");
    for wrong in ["no-such-token"] {
        assert_eq!(look(wrong).await.unwrap_err().class, FaultClass::Auth);
    }
}

#[actix_rt::test]
async fn a_balance_or_list_that_is_refused_says_nothing_about_an_account() {
    use atelier_sim::upstream::{Behaviour, Reason};
    let world = World::new();
    let account = world.upstream.account(FIRST);
    account.script(Op::Balance, [Behaviour::Refuse(Reason::BadKey.into())]);
    account.script(Op::Models, [Behaviour::Refuse(Reason::ServerError.into())]);
    let found = Arc::clone(&world.engine).check(World::credential(FIRST)).await.unwrap();
    assert!(found.quota.is_empty() && found.models.is_none() && !found.models_are_all);
}

#[actix_rt::test]
async fn each_flavour_is_told_what_it_is_configured_to_be_told() {
    let world = World::with(|config| config.web_headers = vec![("x-test".into(), "1".into())]);
    world.begin(FIRST, &Task::Image(image("gpt-image-2"))).await;
    world.begin(MACHINE, &Task::Image(image("firefly-image-4"))).await;
    let web = world.seen("/v2/3p-images").pop().unwrap().headers;
    for (name, value) in [
        ("x-api-key", "projectx_webapp"),
        ("origin", "https://new.express.adobe.com"),
        ("referer", "https://new.express.adobe.com/"),
        ("accept", "*/*"),
        ("x-test", "1"),
    ] {
        assert_eq!(web.get(name).map(String::as_str), Some(value), "{web:?}");
    }
    let services = world.seen("/v3/images").pop().unwrap().headers;
    assert_eq!(services["x-api-key"], CLIENT);
    assert_eq!(services["x-model-version"], "image4_standard");
    assert!(!services.contains_key("origin") && !services.contains_key("x-test"));
}

fn tokens(upstream: &Upstream) -> Arc<FireflyTokens> {
    let clock = Arc::new(SystemClock);
    let outbound = Arc::new(Outbound::new(OutboundConfig::default(), clock.clone()).unwrap());
    Arc::new(FireflyTokens::new(config(&upstream.origin()), outbound, clock))
}

#[actix_rt::test]
async fn tokens_are_had_for_a_client_and_for_cookies_and_open_the_account() {
    let world = World::new();
    let setup = AccountSetup {
        client_id: Some("c-1".into()),
        client_secret: Some("planted-secret".into()),
        session_token: Some("planted-session".into()),
        ..AccountSetup::default()
    };
    world.upstream.put("a", setup);
    let renewer = tokens(&world.upstream);
    let client = |secret: &str| Grant::Client { id: Secret::new("c-1"), secret: Secret::new(secret) };
    let cookie = |sid: &str| Grant::Cookie(Secret::new(format!("fg=x; ims_sid={sid}; aux=y")));
    for (grant, dialect) in [(client("planted-secret"), None), (cookie("planted-session"), Some("web"))] {
        // Both stay good: the same grant gives a token as often as it is asked for one.
        for _ in 0..2 {
            let order = RenewalOrder { grant: grant.clone(), proxy: None };
            let renewal = Arc::clone(&renewer).renew(order).await.unwrap();
            assert!(renewal.expires_at.is_some() && renewal.refresh_token.is_none());
            let mut credential = World::credential(MACHINE);
            credential.endpoint.dialect = dialect.map(str::to_owned);
            let client_id = Some(Secret::new("c-1"));
            credential.secrets = Arc::new(AccountSecrets {
                token: Some(renewal.token),
                client_id,
                ..AccountSecrets::default()
            });
            // The web's own key is another client's here.
            let checked = Arc::clone(&world.engine).check(credential).await;
            assert!(checked.is_ok(), "{dialect:?}: {checked:?}");
        }
    }
    for wrong in [client("planted-wrong"), cookie("planted-wrong")] {
        let order = RenewalOrder { grant: wrong, proxy: None };
        let fault = Arc::clone(&renewer).renew(order).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth);
        assert!(!format!("{fault:?}").contains("planted"), "{fault:?}");
    }
    let other = RenewalOrder { grant: Grant::Session(Secret::new("x")), proxy: None };
    assert_eq!(Arc::clone(&renewer).renew(other).await.unwrap_err().class, FaultClass::Invalid);
    assert!(renewer.takes(&cookie("x")) && !renewer.takes(&Grant::Session(Secret::new("x"))));
}
