//! The waiting line: fair between API keys, first come first served within one, one line per kind of need.

use super::Need;
use atelier_domain::{
    ids::KeyId,
    job::{JobKind, Route},
    time::Millis,
};
use std::collections::{HashMap, VecDeque};

/// Needs that the same accounts can serve.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Class {
    kind: JobKind,
    routes: Vec<(String, String)>,
}

impl Class {
    fn of(need: &Need) -> Self {
        let name = |route: &Route| (route.engine.clone(), route.model.clone());
        Self { kind: need.kind, routes: need.routes.iter().map(name).collect() }
    }
}

struct Waiter<T> {
    need: Need,
    since: Millis,
    place: T,
}

/// One class's line: keys take turns.
struct Line<T> {
    turns: VecDeque<KeyId>,
    waiting: HashMap<KeyId, VecDeque<Waiter<T>>>,
}

/// All lines. `T` is how a waiter is called.
pub(super) struct Lines<T> {
    lines: HashMap<Class, Line<T>>,
    len: usize,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self { lines: HashMap::new(), len: 0 }
    }
}

impl<T> Lines<T> {
    /// How many wait, over all lines.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody waits for what this need wants.
    pub fn is_clear(&self, need: &Need) -> bool {
        self.len == 0 || !self.lines.contains_key(&Class::of(need))
    }

    /// The lines that have somebody in them.
    pub fn classes(&self) -> Vec<Class> {
        self.lines.keys().cloned().collect()
    }

    /// Joins the end of the line.
    pub fn push(&mut self, need: Need, since: Millis, place: T) {
        let line =
            self.lines.entry(Class::of(&need)).or_insert_with(|| Line { turns: VecDeque::new(), waiting: HashMap::new() });
        let key = need.key;
        let own = line.waiting.entry(key).or_default();
        if own.is_empty() {
            line.turns.push_back(key);
        }
        own.push_back(Waiter { need, since, place });
        self.len += 1;
    }

    /// Whose turn it is.
    pub fn head(&self, class: &Class) -> Option<&Need> {
        let line = self.lines.get(class)?;
        let own = line.waiting.get(line.turns.front()?)?;
        own.front().map(|waiter| &waiter.need)
    }

    /// Takes out whose turn it is; the next turn is another key's.
    pub fn pop(&mut self, class: &Class) -> Option<(Need, Millis, T)> {
        let line = self.lines.get_mut(class)?;
        let key = line.turns.pop_front()?;
        let own = line.waiting.get_mut(&key)?;
        let waiter = own.pop_front()?;
        if own.is_empty() {
            line.waiting.remove(&key);
        } else {
            line.turns.push_back(key);
        }
        if line.turns.is_empty() {
            self.lines.remove(class);
        }
        self.len -= 1;
        Some((waiter.need, waiter.since, waiter.place))
    }

    /// Sends everybody in this line away.
    pub fn disband(&mut self, class: &Class) {
        if let Some(line) = self.lines.remove(class) {
            self.len -= line.waiting.values().map(VecDeque::len).sum::<usize>();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use uuid::Uuid;

    fn need(key: u128) -> Need {
        let routes = vec![Route { engine: "studio".into(), model: "m".into() }];
        Need { key: KeyId::from_uuid(Uuid::from_u128(key)), kind: JobKind::Image, routes }
    }

    #[test]
    fn a_key_with_a_thousand_jobs_does_not_starve_one_with_a_single_job() {
        let mut lines = Lines::default();
        for place in 0..1000 {
            lines.push(need(1), Millis(0), place);
        }
        lines.push(need(2), Millis(0), 1000);
        lines.push(need(2), Millis(0), 1001);
        let class = lines.classes().pop().unwrap();
        let order: Vec<i32> = (0..5).map(|_| lines.pop(&class).unwrap().2).collect();
        assert_eq!(order, [0, 1000, 1, 1001, 2]);
        assert_eq!(lines.len(), 997);
    }

    #[test]
    fn an_empty_line_leaves_nothing_behind() {
        let mut lines = Lines::default();
        lines.push(need(1), Millis(0), ());
        assert!(!lines.is_clear(&need(2)));
        let class = lines.classes().pop().unwrap();
        assert!(lines.pop(&class).is_some() && lines.pop(&class).is_none());
        assert!(lines.is_clear(&need(2)) && lines.classes().is_empty());
        lines.push(need(1), Millis(0), ());
        lines.disband(&class);
        assert_eq!(lines.len(), 0);
    }
}
