//! When something that can be guessed may be tried: few failures from one place, and not too many from all together.

use atelier_domain::time::Millis;
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// Attempts within [`WINDOW`] from one place that pass.
const PER_PLACE: usize = 10;
/// Attempts within [`WINDOW`] from everywhere that pass.
const ALTOGETHER: usize = 200;
const WINDOW: Duration = Duration::from_secs(300);

/// Counts attempts; success forgives those of its place.
#[derive(Default)]
pub(crate) struct Throttle {
    by_place: HashMap<String, VecDeque<Millis>>,
}

impl Throttle {
    /// Counts an attempt, or says how long to wait.
    pub fn admit(&mut self, place: &str, now: Millis) -> Result<(), Duration> {
        self.by_place.retain(|_, times| {
            drop_old(times, now);
            !times.is_empty()
        });
        let own = self.by_place.get(place).map_or(0, VecDeque::len);
        let all: usize = self.by_place.values().map(VecDeque::len).sum();
        let full = if own >= PER_PLACE {
            self.by_place.get(place).and_then(VecDeque::front)
        } else if all >= ALTOGETHER {
            self.by_place.values().filter_map(VecDeque::front).min()
        } else {
            None
        };
        if let Some(&oldest) = full {
            return Err((oldest + WINDOW).since(now).max(Duration::from_secs(1)));
        }
        self.by_place.entry(place.to_owned()).or_default().push_back(now);
        Ok(())
    }

    /// Forgets the attempts of a place that got in.
    pub fn forgive(&mut self, place: &str) {
        self.by_place.remove(place);
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
        assert_eq!(throttle.admit("a", Millis(10)).unwrap_err(), Duration::from_millis(299_990));
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
        for place in 0..200 {
            throttle.admit(&place.to_string(), Millis(200)).unwrap();
        }
        assert!(throttle.admit("new", Millis(201)).is_err());
    }
}
