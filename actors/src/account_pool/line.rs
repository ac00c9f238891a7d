//! The waiting line: keys take turns over everything they wait for; first come, first served within one key and one kind of need.

use super::{Need, Wants};
use atelier_domain::{
    ids::{AccountId, KeyId},
    job::{JobKind, Route},
    time::Millis,
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// Below this length the line is not searched for waiters that left.
const LEAST_SWEEP: usize = 64;

/// Needs that the same accounts can serve.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Class(Arc<Alike>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Alike {
    kind: Option<JobKind>,
    routes: Vec<Route>,
    wants: Wants,
    avoid: Vec<AccountId>,
}

impl Class {
    fn of(need: &Need) -> Self {
        let Need { kind, routes, wants, avoid, .. } = need.clone();
        Self(Arc::new(Alike { kind, routes, wants, avoid }))
    }
}

struct Place<T> {
    need: Need,
    since: Millis,
    waiter: T,
}

/// One key's share of the line.
struct Own<T> {
    /// Lower goes first; no two keys have the same.
    turn: u64,
    places: HashMap<Class, VecDeque<Place<T>>>,
}

/// The line. `T` is how a waiter is called.
pub(super) struct Lines<T> {
    keys: HashMap<KeyId, Own<T>>,
    /// Who waits for each class, by turn.
    turns: HashMap<Class, BTreeMap<u64, KeyId>>,
    next_turn: u64,
    len: usize,
    sweep_at: usize,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { keys: HashMap::new(), turns: HashMap::new(), next_turn: 0, len: 0, sweep_at: LEAST_SWEEP }
    }
}

impl<T> Lines<T> {
    /// How many wait, those who left without a word included.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// What is waited for.
    pub fn classes(&self) -> Vec<Class> {
        self.turns.keys().cloned().collect()
    }

    /// Joins the end of the line.
    pub fn push(&mut self, need: Need, since: Millis, waiter: T) {
        let (class, key) = (Class::of(&need), need.key);
        let own = self.keys.entry(key).or_insert_with(|| {
            self.next_turn += 1;
            Own { turn: self.next_turn, places: HashMap::new() }
        });
        self.turns.entry(class.clone()).or_default().insert(own.turn, key);
        own.places.entry(class).or_default().push_back(Place { need, since, waiter });
        self.len += 1;
    }

    /// Who is first for this class, and when it is that key's turn.
    pub fn head(&self, class: &Class) -> Option<(u64, &Need)> {
        let (&turn, key) = self.turns.get(class)?.first_key_value()?;
        let place = self.keys.get(key)?.places.get(class)?.front()?;
        Some((turn, &place.need))
    }

    /// Takes out who is first for this class; that key's next turn comes after everybody else's.
    pub fn pop(&mut self, class: &Class) -> Option<(Need, Millis, T)> {
        let (_, &key) = self.turns.get(class)?.first_key_value()?;
        let own = self.keys.get_mut(&key)?;
        let place = own.places.get_mut(class)?.pop_front()?;
        self.len -= 1;
        self.next_turn += 1;
        let last = std::mem::replace(&mut own.turn, self.next_turn);
        for waited in own.places.keys() {
            if let Some(turns) = self.turns.get_mut(waited) {
                turns.remove(&last);
                turns.insert(own.turn, key);
            }
        }
        self.leave_if_empty(key, class);
        Some((place.need, place.since, place.waiter))
    }

    /// Lets go of first waiters that left, which costs their keys no turn.
    pub fn drop_gone_heads(&mut self, class: &Class, is_gone: impl Fn(&T) -> bool) {
        while let Some(&key) = self.turns.get(class).and_then(|turns| turns.values().next()) {
            let Some(places) = self.keys.get_mut(&key).and_then(|own| own.places.get_mut(class)) else {
                return;
            };
            while places.front().is_some_and(|place| is_gone(&place.waiter)) {
                places.pop_front();
                self.len -= 1;
            }
            if !places.is_empty() {
                return;
            }
            self.leave_if_empty(key, class);
        }
    }

    /// Lets go of all waiters that left, once the line has doubled since this was last done: a constant cost per newcomer.
    pub fn sweep(&mut self, is_gone: impl Fn(&T) -> bool) {
        if self.len < self.sweep_at {
            return;
        }
        let mut emptied = Vec::new();
        for (key, own) in &mut self.keys {
            for (class, places) in &mut own.places {
                let before = places.len();
                places.retain(|place| !is_gone(&place.waiter));
                self.len -= before - places.len();
                if places.is_empty() {
                    emptied.push((*key, class.clone()));
                }
            }
        }
        for (key, class) in emptied {
            self.leave_if_empty(key, &class);
        }
        self.sweep_at = (2 * self.len).max(LEAST_SWEEP);
    }

    /// Sends away everybody who waits for this class.
    pub fn disband(&mut self, class: &Class) -> Vec<T> {
        let mut sent = Vec::new();
        for key in self.turns.remove(class).unwrap_or_default().into_values() {
            let Some(own) = self.keys.get_mut(&key) else { continue };
            sent.extend(own.places.remove(class).unwrap_or_default().into_iter().map(|place| place.waiter));
            if own.places.is_empty() {
                self.keys.remove(&key);
            }
        }
        self.len -= sent.len();
        sent
    }

    fn leave_if_empty(&mut self, key: KeyId, class: &Class) {
        let Some(own) = self.keys.get_mut(&key) else { return };
        if own.places.get(class).is_some_and(VecDeque::is_empty) {
            own.places.remove(class);
            if let Some(turns) = self.turns.get_mut(class) {
                turns.remove(&own.turn);
                if turns.is_empty() {
                    self.turns.remove(class);
                }
            }
        }
        if own.places.is_empty() {
            self.keys.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use uuid::Uuid;

    fn need(key: u128, model: &str) -> Need {
        let routes = vec![Route::new("studio", model)];
        Need {
            key: KeyId::from_uuid(Uuid::from_u128(key)),
            kind: Some(JobKind::Image),
            routes,
            wants: Wants::default(),
            avoid: Vec::new(),
            deadline: Millis(i64::MAX),
        }
    }

    /// Serves whoever's turn is first over all classes, as the pool does when everything is free.
    fn serve(lines: &mut Lines<i32>) -> Option<i32> {
        let first =
            lines.classes().into_iter().min_by_key(|class| lines.head(class).map(|(turn, _)| turn))?;
        lines.pop(&first).map(|(.., waiter)| waiter)
    }

    #[test]
    fn a_key_with_a_thousand_jobs_does_not_starve_one_with_a_single_job() {
        let mut lines = Lines::default();
        for place in 0..1000 {
            lines.push(need(1, "m"), Millis(0), place);
        }
        lines.push(need(2, "m"), Millis(0), 1000);
        lines.push(need(2, "m"), Millis(0), 1001);
        let order: Vec<_> = std::iter::from_fn(|| serve(&mut lines)).take(5).collect();
        assert_eq!(order, [0, 1000, 1, 1001, 2]);
        assert_eq!(lines.len(), 997);
    }

    #[test]
    fn a_key_gets_no_second_turn_by_asking_for_another_model() {
        let mut lines = Lines::default();
        for place in 0..10 {
            lines.push(need(1, "m"), Millis(0), place);
            lines.push(need(1, "other"), Millis(0), place);
        }
        lines.push(need(2, "m"), Millis(0), 100);
        lines.push(need(2, "m"), Millis(0), 101);
        let order: Vec<_> = std::iter::from_fn(|| serve(&mut lines)).take(4).collect();
        assert_eq!((order[1], order[3]), (100, 101));
    }

    #[test]
    fn an_empty_line_leaves_nothing_behind() {
        let mut lines = Lines::default();
        for _ in 0..2 {
            lines.push(need(1, "m"), Millis(0), 0);
            lines.push(need(1, "other"), Millis(0), 0);
            while serve(&mut lines).is_some() {}
            assert!(lines.keys.is_empty() && lines.turns.is_empty() && lines.len() == 0);
        }
        lines.push(need(1, "m"), Millis(0), 7);
        let class = lines.classes().pop().unwrap();
        assert_eq!(lines.disband(&class), [7]);
        assert!(lines.keys.is_empty() && lines.turns.is_empty() && lines.len() == 0);
    }

    #[test]
    fn waiters_that_left_cost_no_turn_and_no_memory() {
        let mut lines = Lines::default();
        for place in 0..10_000 {
            lines.push(need(1, "m"), Millis(0), place);
            lines.sweep(|_| true);
            assert!(lines.len() <= LEAST_SWEEP);
        }
        lines.push(need(1, "m"), Millis(0), -1);
        lines.push(need(2, "m"), Millis(0), -2);
        let class = lines.classes().pop().unwrap();
        lines.drop_gone_heads(&class, |place| *place >= 0);
        assert_eq!((serve(&mut lines), serve(&mut lines), serve(&mut lines)), (Some(-1), Some(-2), None));
    }
}
