//! Results that an upstream keeps: files that links lead to, and responses that can be read again.

use super::errors;
use crate::upstream::{
    asked::Head,
    refusal::{Reason, Refusal},
    reply::Reply,
    script::Op,
    stage::{Call, Route, Stage, Who},
};
use bytes::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many files, and how many responses, are kept.
const MOST_KEPT: usize = 4096;

/// A file that a link leads to.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Whose it is.
    pub account: String,
    /// What it is.
    pub mime: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
    /// What following the link answers, if not the file.
    pub expired: Option<u16>,
}

/// What is kept of results, the oldest first.
#[derive(Debug, Default)]
pub struct Results {
    files: BTreeMap<String, Kept>,
    responses: BTreeMap<String, (String, Value)>,
}

impl Results {
    /// Keeps a file.
    pub fn keep(&mut self, name: &str, file: Kept) {
        if self.files.len() == MOST_KEPT {
            self.files.pop_first();
        }
        self.files.insert(name.to_owned(), file);
    }

    /// Keeps a response of this account.
    pub fn keep_response(&mut self, id: &str, account: &str, response: Value) {
        if self.responses.len() == MOST_KEPT {
            self.responses.pop_first();
        }
        self.responses.insert(id.to_owned(), (account.to_owned(), response));
    }

    /// A response of this account.
    pub fn response(&self, id: &str, account: &str) -> Option<&Value> {
        self.responses.get(id).filter(|(owner, _)| owner == account).map(|(_, response)| response)
    }
}

/// A link to a result. It needs no key; whose it is, is known.
pub fn route(stage: &Stage, head: &Head, name: &str) -> Option<Route> {
    if head.method != "GET" {
        return None;
    }
    let owner = stage.world().results.files.get(name).map(|file| file.account.clone());
    let who = match owner {
        Some(account) => Who::Account(account),
        None => Who::Stranger(Box::new(Reply::page(404, "404 Not Found"))),
    };
    Some(Route { op: Op::File, id: name.to_owned(), who, answer: follow })
}

fn follow(stage: &Stage, call: &Call) -> Reply {
    let file = stage.world().results.files.get(&call.id).cloned();
    match file {
        Some(Kept { expired: Some(status), .. }) => Reply::page(status, "This link has expired"),
        Some(file) => Reply::bytes(200, file.mime, file.bytes),
        None => errors::refuse(stage, &Refusal::new(Reason::NotFound)),
    }
}
