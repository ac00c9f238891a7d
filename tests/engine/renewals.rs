//! Access tokens from the simulated vendor, directly and through its proxies.

use super::*;
use atelier_domain::{
    fault::FaultClass,
    renewal::{Grant, RenewalOrder, Renewer},
};
use atelier_providers::oauth::{OAuth, OAuthConfig};
use atelier_sim::upstream::{
    AccountSetup,
    proxy::{Kind, Proxy, ProxySetup},
};
use std::collections::BTreeMap;

fn renewer(origin: &str) -> Arc<OAuth> {
    let clock = Arc::new(SystemClock);
    let outbound = Arc::new(Outbound::new(OutboundConfig::default(), clock.clone()).unwrap());
    let config = OAuthConfig {
        session_url: format!("{origin}/api/auth/session"),
        token_url: format!("{origin}/oauth/token"),
        ..OAuthConfig::default()
    };
    Arc::new(OAuth::new(config, outbound, clock))
}

fn vendor() -> Upstream {
    let upstream = Upstream::start(Setup::default()).unwrap();
    upstream.put(
        "a",
        AccountSetup {
            session_token: Some("st-1".into()),
            refresh_token: Some("rt-1".into()),
            email: Some("a@example.com".into()),
            ..AccountSetup::default()
        },
    );
    upstream
}

fn refresh(token: &str) -> RenewalOrder {
    RenewalOrder { grant: Grant::Refresh { token: Secret::new(token), client_id: None }, proxy: None }
}

#[actix_rt::test]
async fn tokens_are_had_and_a_used_refresh_token_is_refused() {
    let vendor = vendor();
    let renewer = renewer(&vendor.origin());
    let order = RenewalOrder { grant: Grant::Session(Secret::new("st-1")), proxy: None };
    let by_session = Arc::clone(&renewer).renew(order).await.unwrap();
    assert_eq!(by_session.email.as_deref(), Some("a@example.com"));
    let by_refresh = Arc::clone(&renewer).renew(refresh("rt-1")).await.unwrap();
    let next = by_refresh.refresh_token.unwrap();
    assert!(next.expose() != "rt-1" && by_refresh.expires_at.is_some());
    let again = Arc::clone(&renewer).renew(refresh("rt-1")).await.unwrap_err();
    assert_eq!(again.class, FaultClass::Auth);
    Arc::clone(&renewer).renew(refresh(next.expose())).await.unwrap();
    let wrong = RenewalOrder { grant: Grant::Session(Secret::new("st-wrong")), proxy: None };
    assert_eq!(renewer.renew(wrong).await.unwrap_err().class, FaultClass::Auth);
}

#[actix_rt::test]
async fn both_kinds_of_proxies_lead_to_the_vendor_by_a_name_that_only_they_know() {
    let vendor = vendor();
    for kind in [Kind::Connect, Kind::Socks5] {
        let names = BTreeMap::from([("vendor.test".to_owned(), vendor.address())]);
        let login = Some(("u".to_owned(), "p:w".to_owned()));
        let proxy = Proxy::start(kind, ProxySetup { login, names, ..ProxySetup::default() }).unwrap();
        let renewer = renewer("http://vendor.test:4433");
        let at = |login: &str| {
            let url = proxy.url();
            let (scheme, place) = url.split_once("://").unwrap();
            Some(Secret::new(format!("{scheme}://{login}{place}")))
        };
        let order = |proxy| RenewalOrder { grant: Grant::Session(Secret::new("st-1")), proxy };
        Arc::clone(&renewer).renew(order(at("u:p%3Aw@"))).await.unwrap();
        for wrong in ["u:no@", ""] {
            let fault = Arc::clone(&renewer).renew(order(at(wrong))).await.unwrap_err();
            assert_eq!(fault.class, FaultClass::Network, "{kind:?} {wrong}");
        }
        let traffic = proxy.traffic();
        assert_eq!(
            (traffic.tunnels, traffic.unauthorised, &traffic.targets[..]),
            (1, 2, &["vendor.test:4433".to_owned()][..])
        );
    }
}
