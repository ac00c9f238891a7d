//! What is known of tasks beyond what all wires know of jobs, and the posts that show them.

use std::collections::{BTreeMap, BTreeSet};

/// How many of each are kept; the oldest goes.
const MOST_KEPT: usize = 10_000;

/// What a task is to make.
#[derive(Debug, Clone)]
pub enum Making {
    /// So many pictures, of these sizes and with these links, once they are made.
    Images { n: u32, size: (u32, u32), links: Option<Vec<String>> },
    /// A film, which its draft calls so.
    Film { generation: String },
}

/// A task.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// What it is to make.
    pub making: Making,
    /// The title that it was given.
    pub title: Option<String>,
    /// The look that it was given.
    pub style: Option<String>,
}

/// Everything.
#[derive(Debug, Default)]
pub struct Shelf {
    sheets: BTreeMap<String, Sheet>,
    /// Posts by id, with their task.
    posts: BTreeMap<String, String>,
    uploads: BTreeSet<String>,
}

impl Shelf {
    /// Keeps a task's sheet.
    pub fn put(&mut self, task: &str, sheet: Sheet) {
        if self.sheets.len() == MOST_KEPT {
            self.sheets.pop_first();
        }
        self.sheets.insert(task.to_owned(), sheet);
    }

    /// A task's sheet.
    pub fn sheet(&self, task: &str) -> Option<&Sheet> {
        self.sheets.get(task)
    }

    /// Notes the links of pictures.
    pub fn link(&mut self, task: &str, made: Vec<String>) {
        if let Some(Sheet { making: Making::Images { links, .. }, .. }) = self.sheets.get_mut(task) {
            *links = Some(made);
        }
    }

    /// The task whose draft is called so.
    pub fn of_generation(&self, id: &str) -> Option<&str> {
        let is_it = |sheet: &Sheet| matches!(&sheet.making, Making::Film { generation } if generation == id);
        self.sheets.iter().find(|(_, sheet)| is_it(sheet)).map(|(task, _)| task.as_str())
    }

    /// Keeps a post of a task.
    pub fn post(&mut self, id: &str, task: &str) {
        if self.posts.len() == MOST_KEPT {
            self.posts.pop_first();
        }
        self.posts.insert(id.to_owned(), task.to_owned());
    }

    /// The task that a post shows.
    pub fn shown_by(&self, post: &str) -> Option<&str> {
        self.posts.get(post).map(String::as_str)
    }

    /// The post that shows a task.
    pub fn post_of(&self, task: &str) -> Option<&str> {
        self.posts.iter().find(|(_, shown)| *shown == task).map(|(id, _)| id.as_str())
    }

    /// All posts with their tasks, the latest first.
    pub fn all_posts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.posts.iter().rev().map(|(id, task)| (id.as_str(), task.as_str()))
    }

    /// Deletes a post; whether there was one.
    pub fn unpost(&mut self, id: &str) -> bool {
        self.posts.remove(id).is_some()
    }

    /// How many posts there are.
    pub fn posts(&self) -> usize {
        self.posts.len()
    }

    /// Keeps that a file was sent.
    pub fn upload(&mut self, id: &str) {
        if self.uploads.len() == MOST_KEPT {
            self.uploads.pop_first();
        }
        self.uploads.insert(id.to_owned());
    }

    /// Whether a file of this id was sent.
    pub fn has_upload(&self, id: &str) -> bool {
        self.uploads.contains(id)
    }
}
