//! Which event is tried when, and what a try's outcome means. Pure.

use atelier_domain::{
    ids::{EventId, KeyId},
    time::Millis,
    webhook::WebhookEvent,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

/// The waits between the tries of one event, in seconds; after the try that follows the last one it is a dead letter.
const WAITS_S: [u64; 7] = [5, 30, 120, 600, 3_600, 21_600, 57_600];

/// Deliveries at once.
const AT_ONCE: usize = 16;

/// Deliveries at once to one key's server, so that a slow one leaves places to others.
const AT_ONCE_PER_KEY: usize = 4;

/// The longest message of a failed try that is kept, in characters.
const LONGEST_ERROR: usize = 300;

/// When an event is tried next after so many tries that failed; none when it is given up. `roll` from 0 to 1 moves the wait by
/// up to a tenth, so that what failed together does not come again together.
pub(super) fn wait(tries: u32, roll: f64) -> Option<Duration> {
    let index = usize::try_from(tries.checked_sub(1)?).ok()?;
    let wait = Duration::from_secs(*WAITS_S.get(index)?);
    Some(wait.mul_f64(0.9 + 0.2 * roll.clamp(0.0, 1.0)))
}

/// The event after a try that failed at `now`.
pub(super) fn failed(mut event: WebhookEvent, why: &str, now: Millis, roll: f64) -> WebhookEvent {
    event.tries = event.tries.saturating_add(1);
    event.last_error = Some(why.chars().take(LONGEST_ERROR).collect());
    match wait(event.tries, roll) {
        Some(wait) => event.due = now + wait,
        None => event.dead_at = Some(now),
    }
    event
}

/// An event that waits, as far as the schedule needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub event: EventId,
    pub key: KeyId,
    pub due: Millis,
}

impl Waiting {
    /// What the schedule needs to know of this event.
    pub(crate) fn of(event: &WebhookEvent) -> Self {
        Self { event: event.id, key: event.key, due: event.due }
    }
}

#[derive(Default)]
struct Line {
    waiting: BTreeSet<(Millis, EventId)>,
    running: usize,
}

/// Who waits, and who is under way.
#[derive(Default)]
pub(super) struct Schedule {
    lines: HashMap<KeyId, Line>,
    /// Waiting or under way: an event is never tried twice at a time.
    known: HashSet<EventId>,
    running: usize,
}

impl Schedule {
    /// Takes up an event, unless it is known.
    pub(super) fn add(&mut self, waiting: Waiting) {
        if self.known.insert(waiting.event) {
            self.lines.entry(waiting.key).or_default().waiting.insert((waiting.due, waiting.event));
        }
    }

    /// The next event to try now, which from then on is under way: of the key with the fewest under way, the longest due.
    pub(super) fn start(&mut self, now: Millis) -> Option<(KeyId, EventId)> {
        if self.running >= AT_ONCE {
            return None;
        }
        let due = self.lines.iter().filter(|(_, line)| line.running < AT_ONCE_PER_KEY);
        let due = due.filter_map(|(key, line)| {
            let first = line.waiting.first().filter(|(due, _)| *due <= now)?;
            Some((line.running, *first, *key))
        });
        let (_, first, key) = due.min()?;
        let line = self.lines.get_mut(&key)?;
        line.waiting.remove(&first);
        line.running += 1;
        self.running += 1;
        Some((key, first.1))
    }

    /// An event is not under way any more; with a time, it is tried again then.
    pub(super) fn finish(&mut self, key: KeyId, event: EventId, again: Option<Millis>) {
        self.running = self.running.saturating_sub(1);
        self.known.remove(&event);
        let Some(line) = self.lines.get_mut(&key) else { return };
        line.running = line.running.saturating_sub(1);
        if line.running == 0 && line.waiting.is_empty() {
            self.lines.remove(&key);
        }
        if let Some(due) = again {
            self.add(Waiting { event, key, due });
        }
    }

    /// When the next event that could have a place is due; what only waits for a place is woken by its being left.
    pub(super) fn next_due(&self) -> Option<Millis> {
        if self.running >= AT_ONCE {
            return None;
        }
        let free = self.lines.values().filter(|line| line.running < AT_ONCE_PER_KEY);
        free.filter_map(|line| line.waiting.first().map(|(due, _)| *due)).min()
    }

    /// Events that wait or are under way.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use atelier_domain::webhook::EventType;
    use uuid::Uuid;

    fn event_id(number: u128) -> EventId {
        EventId::from_uuid(Uuid::from_u128(number))
    }

    fn key_id(number: u128) -> KeyId {
        KeyId::from_uuid(Uuid::from_u128(number))
    }

    fn waiting(key: u128, event: u128, due: i64) -> Waiting {
        Waiting { event: event_id(event), key: key_id(key), due: Millis(due) }
    }

    #[test]
    fn waits_grow_within_their_jitter_and_end_after_eight_tries_and_a_day() {
        let table = [
            (0, None),
            (1, Some(5)),
            (2, Some(30)),
            (3, Some(120)),
            (4, Some(600)),
            (5, Some(3_600)),
            (6, Some(21_600)),
            (7, Some(57_600)),
            (8, None),
            (u32::MAX, None),
        ];
        for (tries, seconds) in table {
            assert_eq!(wait(tries, 0.5), seconds.map(Duration::from_secs), "{tries}");
        }
        assert_eq!(wait(2, 0.0), Some(Duration::from_secs(27)));
        assert_eq!(wait(2, 1.0), Some(Duration::from_secs(33)));
        let all: u64 = WAITS_S.iter().sum();
        assert!((20 * 3_600..=26 * 3_600).contains(&all), "{all} s in all");
    }

    #[test]
    fn a_failed_try_waits_and_the_eighth_is_the_last() {
        let mut event = WebhookEvent {
            id: event_id(1),
            key: key_id(1),
            kind: EventType::ImageFailed,
            body: "{}".into(),
            created_at: Millis(0),
            tries: 0,
            due: Millis(0),
            last_error: None,
            dead_at: None,
        };
        let now = Millis(1_000_000);
        for tries in 1..=7 {
            event = failed(event, "no answer", now, 0.5);
            assert_eq!((event.tries, event.dead_at), (tries, None));
            assert!(event.due > now);
        }
        event = failed(event, &"x".repeat(10_000), now, 0.5);
        assert_eq!((event.tries, event.dead_at), (8, Some(now)));
        assert_eq!(event.last_error.unwrap().len(), LONGEST_ERROR);
    }

    #[test]
    fn an_event_is_under_way_once_and_a_key_cannot_take_all_places() {
        let mut schedule = Schedule::default();
        for event in 0..100 {
            schedule.add(waiting(1, event, 0));
            schedule.add(waiting(1, event, 5));
        }
        schedule.add(waiting(2, 200, 10));
        schedule.add(waiting(3, 300, 99));
        assert_eq!(schedule.len(), 102);
        let now = Millis(10);
        let started: Vec<_> = std::iter::from_fn(|| schedule.start(now)).collect();
        assert_eq!(started.iter().filter(|(key, _)| *key == key_id(1)).count(), AT_ONCE_PER_KEY);
        assert!(started.contains(&(key_id(2), event_id(200))), "a busy key held up another");
        assert_eq!(schedule.next_due(), Some(Millis(99)));
        schedule.add(waiting(2, 200, 0));
        assert_eq!(schedule.start(now), None, "an event was started twice");
        schedule.finish(key_id(2), event_id(200), Some(Millis(50)));
        assert_eq!(schedule.next_due(), Some(Millis(50)));
        for (key, event) in started.into_iter().filter(|(key, _)| *key == key_id(1)) {
            schedule.finish(key, event, None);
        }
        assert_eq!(schedule.next_due(), Some(Millis(0)));
    }

    #[test]
    fn places_are_bounded_over_all_keys_and_a_quiet_key_goes_first() {
        let mut schedule = Schedule::default();
        for key in 0..10 {
            for event in 0..10 {
                schedule.add(waiting(key, key * 100 + event, 0));
            }
        }
        let started: Vec<_> = std::iter::from_fn(|| schedule.start(Millis(0))).collect();
        assert_eq!((started.len(), schedule.next_due()), (AT_ONCE, None));
        schedule.add(waiting(50, 5_000, 0));
        schedule.finish(started[0].0, started[0].1, None);
        assert_eq!(schedule.start(Millis(0)), Some((key_id(50), event_id(5_000))));
    }
}
