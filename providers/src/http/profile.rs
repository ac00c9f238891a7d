//! How connections are made, and the clients that make them so.

use super::dial::{Dial, Dialer};
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
    /// Whom TLS trusts, and which protocols it offers.
    pub tls: Arc<ClientConfig>,
    /// How long resolving and connecting may take, and again the TLS handshake.
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
        let connector = Connector::new()
            .connector(Dialer(Arc::clone(&self.dial)))
            .rustls_0_23(Arc::clone(&self.tls))
            .timeout(self.connect_timeout)
            .handshake_timeout(self.connect_timeout)
            .limit(0);
        Client::builder().connector(connector).disable_redirects().disable_timeout().finish()
    }
}
