//! A resolver that answers what a test tells it, and counts how often it is asked.

use super::super::dial::Resolve;
use atelier_domain::engine::LocalFuture;
use std::{
    collections::{HashMap, VecDeque},
    io,
    net::IpAddr,
    sync::Mutex,
};

#[derive(Default)]
pub struct Names(Mutex<HashMap<String, Entry>>);

#[derive(Default)]
struct Entry {
    answers: VecDeque<Vec<IpAddr>>,
    asked: usize,
}

impl Names {
    /// Lets `name` be at these addresses; said again, the next time it is asked for. The last answer stays.
    pub fn answer(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.0.lock().unwrap().entry(name.to_owned()).or_default().answers.push_back(addresses);
    }

    /// How often `name` was asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).map_or(0, |entry| entry.asked)
    }
}

impl Resolve for Names {
    fn resolve(&self, host: String) -> LocalFuture<io::Result<Vec<IpAddr>>> {
        let mut names = self.0.lock().unwrap();
        let answer = names.get_mut(&host).map(|entry| {
            entry.asked += 1;
            let next = entry.answers.front().unwrap().clone();
            if entry.answers.len() > 1 {
                entry.answers.pop_front();
            }
            next
        });
        Box::pin(async move { answer.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name")) })
    }
}
