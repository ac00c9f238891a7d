//! The ways out that are in use: one per proxy, each with the profiles that its kinds of calls need.

use crate::{
    fetch::{Allowed, guarded_dial},
    http::{Dial, OpenDial, Profile, ProxyUrl},
};
use rustls::ClientConfig;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Ways that are kept, each with its connections; the one that was not used for longest goes first. Whoever has more proxies
/// than this connects anew more often.
const KEPT: usize = 64;

/// How a call goes out.
#[derive(Clone)]
pub(super) struct Way {
    /// Polls and lists: connections are kept and used again.
    pub polls: Arc<Profile>,
    /// Everything that has an effect, each on a connection of its own: one that was used before may have been closed by the
    /// other side a moment ago, and then nobody knows whether the request arrived.
    pub effects: Arc<Profile>,
    /// What an upstream names.
    pub results: Arc<Profile>,
}

/// All of them.
pub(super) struct Ways {
    open: Arc<dyn Dial>,
    guarded: Arc<dyn Dial>,
    tls: Arc<ClientConfig>,
    connect_timeout: Duration,
    kept: Mutex<Vec<(Option<ProxyUrl>, Way)>>,
}

impl Ways {
    pub fn new(allowed: Allowed, tls: Arc<ClientConfig>, connect_timeout: Duration) -> Self {
        let (open, guarded) = (Arc::new(OpenDial), guarded_dial(allowed));
        Self { open, guarded, tls, connect_timeout, kept: Mutex::default() }
    }

    /// The way through this proxy; none: the direct one.
    pub fn through(&self, proxy: Option<&ProxyUrl>) -> Way {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let way = match kept.iter().position(|(through, _)| through.as_ref() == proxy) {
            Some(place) => kept.remove(place),
            None => (proxy.cloned(), self.new_way(proxy)),
        };
        let found = way.1.clone();
        kept.insert(0, way);
        kept.truncate(KEPT);
        found
    }

    fn new_way(&self, proxy: Option<&ProxyUrl>) -> Way {
        let proxy = proxy.cloned().map(Arc::new);
        let profile = |dial: &Arc<dyn Dial>| {
            Arc::new(Profile {
                dial: Arc::clone(dial),
                proxy: proxy.clone(),
                tls: Arc::clone(&self.tls),
                connect_timeout: self.connect_timeout,
            })
        };
        Way { polls: profile(&self.open), effects: profile(&self.open), results: profile(&self.guarded) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::{public_roots, tls_config};

    #[test]
    fn a_way_is_kept_while_it_is_used_and_their_number_is_bounded() {
        let tls = tls_config(public_roots(), &[]).unwrap();
        let ways = Ways::new(Allowed::default(), tls, Duration::from_secs(1));
        let proxy = |number: usize| -> ProxyUrl { format!("10.0.0.1:{}", number + 1).parse().unwrap() };
        let direct = ways.through(None);
        let first = ways.through(Some(&proxy(0)));
        assert!(!Arc::ptr_eq(&direct.polls, &first.polls), "two ways out share their connections");
        for number in 1..KEPT {
            ways.through(Some(&proxy(number)));
            assert!(Arc::ptr_eq(&ways.through(Some(&proxy(0))).polls, &first.polls));
        }
        assert_eq!(ways.kept.lock().unwrap().len(), KEPT);
        assert!(!Arc::ptr_eq(&ways.through(None).polls, &direct.polls), "the oldest way should have gone");
    }
}
