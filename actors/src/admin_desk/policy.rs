//! When a login may be tried: few failures from one place, and not too many from all together.

use crate::refused::Refused;
use atelier_domain::{code::Code, time::Millis};
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// Attempts within [`WINDOW`] from one place that pass.
const PER_PEER: usize = 10;
/// Attempts within [`WINDOW`] from everywhere that pass.
const ALTOGETHER: usize = 200;
const WINDOW: Duration = Duration::from_secs(300);

/// Counts attempts; success forgives those of its place.
#[derive(Default)]
pub(super) struct Throttle {
    by_peer: HashMap<String, VecDeque<Millis>>,
}

impl Throttle {
    /// Counts an attempt, or says when to come back.
    pub fn admit(&mut self, peer: &str, now: Millis) -> Result<(), Refused> {
        self.by_peer.retain(|_, times| {
            drop_old(times, now);
            !times.is_empty()
        });
        let own = self.by_peer.get(peer).map_or(0, VecDeque::len);
        let all: usize = self.by_peer.values().map(VecDeque::len).sum();
        let full = if own >= PER_PEER {
            self.by_peer.get(peer).and_then(VecDeque::front)
        } else if all >= ALTOGETHER {
            self.by_peer.values().filter_map(VecDeque::front).min()
        } else {
            None
        };
        if let Some(&oldest) = full {
            let wait = (oldest + WINDOW).since(now).max(Duration::from_secs(1));
            let message = format!("too many failed logins: wait {} s and try again", wait.as_secs());
            return Err(
                Refused::new(Code::LoginThrottled, message).retry_after(wait.min(Duration::from_secs(60)))
            );
        }
        self.by_peer.entry(peer.to_owned()).or_default().push_back(now);
        Ok(())
    }

    /// Forgets the attempts of a place that got in.
    pub fn forgive(&mut self, peer: &str) {
        self.by_peer.remove(peer);
    }
}

fn drop_old(times: &mut VecDeque<Millis>, now: Millis) {
    while times.front().is_some_and(|&at| now.since(at) >= WINDOW) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_eleventh_failure_waits_and_other_places_are_not_punished() {
        let mut throttle = Throttle::default();
        for at in 0..10 {
            throttle.admit("a", Millis(at)).unwrap();
        }
        assert_eq!(throttle.admit("a", Millis(10)).unwrap_err().code, Code::LoginThrottled);
        throttle.admit("b", Millis(10)).unwrap();
        throttle.admit("a", Millis(300_000)).unwrap();
    }

    #[test]
    fn success_forgives_and_a_flood_from_everywhere_is_bounded() {
        let mut throttle = Throttle::default();
        for at in 0..100 {
            throttle.admit("a", Millis(at)).unwrap();
            throttle.forgive("a");
        }
        for peer in 0..200 {
            throttle.admit(&peer.to_string(), Millis(200)).unwrap();
        }
        assert!(throttle.admit("new", Millis(201)).is_err());
    }
}
