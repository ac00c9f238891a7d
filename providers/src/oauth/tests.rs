//! Renewals against a vendor on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::{
    doubles::{Double, HttpProxy, ManualClock, Reply},
    outbound::OutboundConfig,
};
use atelier_domain::time::Millis;
use serde_json::{Value, json};

async fn renew(vendor: &Double, grant: Grant, proxy: Option<Secret>) -> Result<Renewal, Fault> {
    renew_at(&vendor.url(""), grant, proxy).await
}

async fn renew_at(base: &str, grant: Grant, proxy: Option<Secret>) -> Result<Renewal, Fault> {
    let clock = Arc::new(ManualClock::default());
    let outbound = Arc::new(Outbound::new(OutboundConfig::default(), clock.clone()).unwrap());
    let config = OAuthConfig {
        session_url: format!("{base}/api/auth/session"),
        token_url: format!("{base}/oauth/token"),
        ..OAuthConfig::default()
    };
    Arc::new(OAuth::new(config, outbound, clock)).renew(RenewalOrder { grant, proxy }).await
}

fn session() -> Grant {
    Grant::Session(Secret::new("planted-session"))
}

fn refresh(client: Option<&str>) -> Grant {
    Grant::Refresh { token: Secret::new("planted-refresh"), client_id: client.map(Secret::new) }
}

#[actix_rt::test]
async fn a_session_token_gives_an_access_token_and_stays() {
    let said =
        json!({"accessToken": "eyJ.a.b", "user": {"email": "a@b.c"}, "expires": "2026-06-29T14:50:40.456Z"});
    let vendor = Double::start(move |_| Reply::json(200, &said)).await;
    let renewal = renew(&vendor, session(), None).await.unwrap();
    assert_eq!(renewal.token.expose(), "eyJ.a.b");
    assert_eq!(
        (renewal.refresh_token, renewal.expires_at, renewal.email.as_deref()),
        (None, None, Some("a@b.c"))
    );
    let seen = vendor.only();
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/api/auth/session"));
    assert_eq!(seen.header("cookie"), Some("__Secure-next-auth.session-token=planted-session"));
    assert_eq!(seen.header("authorization"), None);
}

#[actix_rt::test]
async fn a_refresh_token_gives_an_access_token_and_the_next_refresh_token() {
    let said = json!({"access_token": "eyJ.a.b", "refresh_token": "next", "expires_in": 864_000, "token_type": "Bearer"});
    let vendor = Double::start(move |_| Reply::json(200, &said)).await;
    let renewal = renew(&vendor, refresh(None), None).await.unwrap();
    assert_eq!(renewal.refresh_token.as_ref().map(Secret::expose), Some("next"));
    assert_eq!((renewal.token.expose(), renewal.expires_at), ("eyJ.a.b", Some(Millis(864_000_000))));
    renew(&vendor, refresh(Some("app_mine")), None).await.unwrap();
    let bodies: Vec<Value> = vendor.seen().iter().map(|seen| seen.json()).collect();
    let expected = |client: &str| {
        json!({"client_id": client, "grant_type": "refresh_token", "refresh_token": "planted-refresh",
            "redirect_uri": "com.openai.chat://auth0.openai.com/ios/com.openai.chat/callback"})
    };
    assert_eq!(bodies, [expected("app_LlGpXReQgckcGGUo2JrYvtJK"), expected("app_mine")]);
}

#[actix_rt::test]
async fn what_is_over_is_told_from_what_may_be_tried_again_and_from_what_nobody_knows() {
    use FaultClass::{Auth, Network, Overloaded, RateLimited, UnknownOutcome};
    let echo = json!({"error": {"code": "refresh_token_reused", "message": "planted-refresh was used"}});
    for (reply, of_session, of_refresh) in [
        (Reply::json(200, &json!(null)), Auth, UnknownOutcome),
        (Reply::json(200, &json!({})), Auth, UnknownOutcome),
        (Reply::json(401, &echo), Auth, Auth),
        (Reply::json(400, &json!({"error": "invalid_grant"})), Overloaded, Auth),
        (Reply::html(403), Overloaded, Overloaded),
        (Reply::html(200), Overloaded, UnknownOutcome),
        (Reply::json(429, &json!({"detail": "slow"})), RateLimited, RateLimited),
        (Reply::json(500, &json!({"error": "x"})), Overloaded, Overloaded),
        (Reply::redirect(302, "/login"), Overloaded, Overloaded),
        (Reply::Raw(Vec::new()), Network, UnknownOutcome),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec()), Network, UnknownOutcome),
    ] {
        let shown = format!("{reply:?}");
        let vendor = Double::start(move |_| reply.clone()).await;
        for (grant, class) in [(session(), of_session), (refresh(None), of_refresh)] {
            let fault = renew(&vendor, grant, None).await.unwrap_err();
            assert_eq!(fault.class, class, "{shown}");
            assert!(!format!("{fault:?}").contains("planted"), "{fault:?}");
        }
    }
    let nobody = renew_at("http://127.0.0.1:1", refresh(None), None).await.unwrap_err();
    assert_eq!(nobody.class, Network, "nothing left, so the token is not used up");
    let client = Grant::Client { id: Secret::new("a"), secret: Secret::new("planted") };
    for grant in [client, Grant::Cookie(Secret::new("a=planted"))] {
        assert_eq!(renew_at("http://127.0.0.1:1", grant, None).await.unwrap_err().class, FaultClass::Invalid);
    }
}

#[actix_rt::test]
async fn a_renewal_goes_out_through_its_account_s_proxy() {
    let vendor = Double::start(|_| Reply::json(200, &json!({"accessToken": "eyJ"}))).await;
    let proxy = HttpProxy::start("vendor.test", vendor.address, None).await;
    let way = Some(Secret::new(proxy.address.to_string()));
    renew_at("http://vendor.test", session(), way).await.unwrap();
    assert_eq!(proxy.heard().len(), 1);
    let wrong = renew(&vendor, session(), Some(Secret::new("planted"))).await.unwrap_err();
    assert!(wrong.class == FaultClass::Network && !format!("{wrong:?}").contains("planted"));
}
