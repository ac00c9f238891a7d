//! The book: what clients were told, and what the upstream had under way at each kill.

use crate::upstream::FilmTask;
use std::collections::BTreeMap;

/// So many violations are told; more are only counted.
const TOLD: usize = 30;

/// A job that a client was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// Index of the key that asked.
    pub key: usize,
    /// Its id without what it begins with: `job_` and `video_` name the same one.
    pub job: String,
    /// Whether it was asked for in the life that nobody ended.
    pub in_peace: bool,
}

/// A film that ran at the upstream, and that the gateway had asked for by its id, when the gateway was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    /// The upstream's id.
    pub id: String,
    /// How many kills it went through like that.
    pub kills: u32,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Jobs that were asked for.
    pub asked: u64,
    /// Requests without an answer.
    pub unanswered: u64,
    pub told: Vec<Told>,
    /// By prompt.
    pub running: BTreeMap<String, Running>,
    /// How many of these completed by the id that they had.
    pub came_home: u64,
    pub killed_loaded: u32,
    pub killed_starting: u32,
    /// No kill comes any more.
    pub is_peaceful: bool,
    /// How many jobs ended in each way, by what they make.
    pub ends: BTreeMap<String, u64>,
    /// Jobs that no client was told of.
    pub unheard: u64,
    /// Jobs whose submit the kill cut off.
    pub unknown: u64,
    /// Of these: accepted by the upstream all the same.
    pub unknown_accepted: u64,
    /// Submits that the upstream counted.
    pub submits: u64,
    /// The most of them for one job.
    pub most_submits: u64,
    pub films_watched: u64,
    pub charged: i64,
    pub checks: u64,
    pub violations: Vec<String>,
    pub untold: u64,
}

impl Book {
    /// Something was checked.
    pub fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.violation(otherwise());
        }
    }

    /// Something is wrong.
    pub fn violation(&mut self, what: String) {
        if self.violations.len() < TOLD {
            self.violations.push(what);
        } else {
            self.untold += 1;
        }
    }

    /// The next prompt, which no two jobs share.
    pub fn prompt(&mut self, what: &str) -> String {
        self.asked += 1;
        format!("{what} number {:06}.", self.asked)
    }

    /// The gateway was killed while the upstream had these films. One that was looked at is one whose id the gateway had on disk:
    /// from now on it must be asked for by this id and no other. One that nobody looked at may have been a submit without an answer.
    pub fn caught(&mut self, films: &[FilmTask]) {
        for film in films.iter().filter(|film| film.looks > 0 && !film.told) {
            let running =
                self.running.entry(film.prompt.clone()).or_insert(Running { id: film.id.clone(), kills: 0 });
            running.kills += 1;
        }
    }

    /// Whether the kills hit anything: else the drill proved nothing.
    pub fn was_telling(&mut self) {
        let (running, unknown) = (self.running.len(), self.unknown);
        self.check(running > 0, || "no film ran upstream at any kill: nothing was proved".to_owned());
        self.check(unknown > 0, || "no submit was cut off by any kill: nothing was proved".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_film_that_was_looked_at_and_not_told_to_be_done_was_running() {
        let film = |prompt: &str, looks, told| FilmTask {
            id: format!("video_{prompt}"),
            prompt: prompt.to_owned(),
            looks,
            told,
        };
        let mut book = Book::default();
        let films = [film("new", 0, false), film("running", 2, false), film("done", 2, true)];
        book.caught(&films);
        book.caught(&films);
        let running = Running { id: "video_running".to_owned(), kills: 2 };
        assert_eq!(book.running, BTreeMap::from([("running".to_owned(), running)]));
    }

    #[test]
    fn a_drill_that_caught_nothing_at_work_is_a_violation() {
        let mut book = Book::default();
        book.was_telling();
        assert_eq!(book.violations.len(), 2);
    }
}
