//! How connections are made, and the clients that make them so.

use super::{
    dial::{Dial, Dialer, Via},
    proxy::ProxyUrl,
};
use awc::{Client, Connector};
use rustls::ClientConfig;
use std::{
    cell::RefCell,
    sync::{Arc, Weak},
    time::Duration,
};

/// One way of connecting.
pub(crate) struct Profile {
    /// Who chooses the addresses.
    pub dial: Arc<dyn Dial>,
    /// Through whom; none: directly.
    pub proxy: Option<Arc<ProxyUrl>>,
    /// Whom TLS trusts, and which protocols it offers.
    pub tls: Arc<ClientConfig>,
    /// How long resolving and connecting (the proxy's part included) may take, and again the TLS handshake.
    pub connect_timeout: Duration,
}

thread_local! {
    static CLIENTS: RefCell<Vec<(Weak<Profile>, Client)>> = const { RefCell::new(Vec::new()) };
}

impl Profile {
    /// This thread's client for the profile: it follows no redirect, bounds no number of connections and waits for an answer as
    /// long as the caller does. Those bounds are the caller's.
    pub fn client(self: &Arc<Self>) -> Client {
        let own = Arc::downgrade(self);
        CLIENTS.with_borrow_mut(|clients| {
            if let Some((_, client)) = clients.iter().find(|(profile, _)| profile.ptr_eq(&own)) {
                return client.clone();
            }
            clients.retain(|(profile, _)| profile.strong_count() > 0);
            let client = self.build();
            clients.push((own, client.clone()));
            client
        })
    }

    fn build(&self) -> Client {
        let via =
            self.proxy.as_ref().map(|proxy| Via { proxy: Arc::clone(proxy), tls: Arc::clone(&self.tls) });
        let connector = Connector::new()
            .connector(Dialer { dial: Arc::clone(&self.dial), via })
            .rustls_0_23(Arc::clone(&self.tls))
            .timeout(self.connect_timeout)
            .handshake_timeout(self.connect_timeout)
            .limit(0);
        Client::builder().connector(connector).disable_redirects().disable_timeout().finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::tls_config, *};
    use atelier_domain::engine::LocalFuture;
    use rustls::RootCertStore;
    use std::{io, net::SocketAddr};

    struct Nowhere;

    impl Dial for Nowhere {
        fn addresses(&self, _host: String, _port: u16) -> LocalFuture<io::Result<Vec<SocketAddr>>> {
            Box::pin(async { Ok(Vec::new()) })
        }
    }

    fn profile() -> Arc<Profile> {
        let tls = tls_config(RootCertStore::empty(), &[]).unwrap();
        Arc::new(Profile {
            dial: Arc::new(Nowhere),
            proxy: None,
            tls,
            connect_timeout: Duration::from_secs(1),
        })
    }

    fn clients() -> usize {
        CLIENTS.with_borrow(Vec::len)
    }

    #[actix_rt::test]
    async fn each_profile_has_one_client_on_this_thread_and_none_when_it_is_gone() {
        let (first, second) = (profile(), profile());
        let _ = (first.client(), second.client(), first.client());
        assert_eq!(clients(), 2);
        drop((first, second));
        let _ = profile().client();
        assert_eq!(clients(), 1);
    }

    #[actix_rt::test]
    async fn a_host_without_an_address_is_not_resolved_behind_the_dialler_s_back() {
        let call = profile().client().get("http://127.0.0.1:1/").send().await;
        let error = call.unwrap_err().to_string();
        assert!(error.contains("unresolved host"), "{error}");
    }
}
