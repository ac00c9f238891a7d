//! What a disk holds for certain at any moment, and what it may hold besides.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::trace::Event;

const O_CREAT: u64 = 0o100;
const O_TRUNC: u64 = 0o1000;

/// What survives of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Nothing,
    Prefix,
    Pages,
}

impl Model {
    pub const ALL: [Model; 3] = [Model::Nothing, Model::Prefix, Model::Pages];
}

/// A change to a file's content that is not synced, and when it was made.
struct Change<'a> {
    event: usize,
    what: What<'a>,
}

enum What<'a> {
    Write { offset: usize, data: &'a [u8] },
    Truncate(usize),
}

#[derive(Default)]
struct Node<'a> {
    directory: bool,
    synced: Vec<u8>,
    unsynced: Vec<Change<'a>>,
}

/// A change of names, in the journal but not yet certain.
struct Naming {
    event: usize,
    node: usize,
    /// What the name is taken from, and given to.
    from: Option<PathBuf>,
    to: Option<PathBuf>,
}

type Names = BTreeMap<PathBuf, usize>;

pub struct Disk<'a> {
    root: PathBuf,
    distrust_fdatasync: bool,
    nodes: Vec<Node<'a>>,
    names: Names,
    synced_names: Names,
    journal: Vec<Naming>,
    descriptors: HashMap<u64, usize>,
    acknowledged: HashSet<u64>,
}

impl<'a> Disk<'a> {
    pub fn new(root: &Path, distrust_fdatasync: bool) -> Disk<'a> {
        let names = Names::from([(root.to_owned(), 0)]);
        Disk {
            root: root.to_owned(),
            distrust_fdatasync,
            nodes: vec![Node { directory: true, ..Node::default() }],
            synced_names: names.clone(),
            names,
            journal: Vec::new(),
            descriptors: HashMap::new(),
            acknowledged: HashSet::new(),
        }
    }

    /// The transactions that were acknowledged so far.
    pub fn acknowledged(&self) -> &HashSet<u64> {
        &self.acknowledged
    }

    pub fn replay(&mut self, event: usize, what: Event<'a>) {
        match what {
            Event::Opened { descriptor, path, flags } => {
                let node = match self.names.get(path) {
                    Some(node) => *node,
                    None => {
                        assert!(flags & O_CREAT != 0, "{} opened, but never made", path.display());
                        self.make(event, path, false)
                    }
                };
                if flags & O_TRUNC != 0 {
                    self.nodes[node].unsynced.push(Change { event, what: What::Truncate(0) });
                }
                self.descriptors.insert(descriptor, node);
            }
            Event::Closed { descriptor } => {
                self.descriptors.remove(&descriptor);
            }
            Event::Wrote { descriptor, offset, data } => {
                let what = What::Write { offset: usize::try_from(offset).unwrap(), data };
                self.node(descriptor).unsynced.push(Change { event, what });
            }
            Event::Truncated { descriptor, length } => {
                let what = What::Truncate(usize::try_from(length).unwrap());
                self.node(descriptor).unsynced.push(Change { event, what });
            }
            Event::Synced { descriptor } => {
                self.node(descriptor).sync();
                self.sync_names(self.descriptors[&descriptor]);
            }
            Event::DataSynced { descriptor } => {
                if !self.distrust_fdatasync {
                    self.node(descriptor).sync();
                }
            }
            Event::RangeSynced => {}
            Event::Renamed { from, to } => {
                let node = self.names[from];
                self.name(Naming { event, node, from: Some(from.into()), to: Some(to.into()) });
            }
            Event::Removed { path } => {
                let node = self.names[path];
                self.name(Naming { event, node, from: Some(path.into()), to: None });
            }
            Event::DirectoryMade { path } => {
                self.make(event, path, true);
            }
            Event::Acknowledged { data } => {
                self.acknowledged.insert(u64::from_le_bytes(data.try_into().unwrap()));
            }
        }
    }

    fn node(&mut self, descriptor: u64) -> &mut Node<'a> {
        &mut self.nodes[self.descriptors[&descriptor]]
    }

    fn make(&mut self, event: usize, path: &Path, directory: bool) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { directory, ..Node::default() });
        self.name(Naming { event, node, from: None, to: Some(path.into()) });
        node
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.journal.push(naming);
    }

    /// The journal is written in order: up to the last change that concerns this node.
    fn sync_names(&mut self, node: usize) {
        let directory = self.names.iter().find(|(_, named)| **named == node).map(|(path, _)| path.clone());
        let within = |path: &Option<PathBuf>| {
            path.as_deref().and_then(Path::parent).is_some_and(|parent| Some(parent) == directory.as_deref())
        };
        let last = self
            .journal
            .iter()
            .rposition(|naming| naming.node == node || within(&naming.from) || within(&naming.to));
        for naming in self.journal.drain(..last.map_or(0, |index| index + 1)) {
            naming.apply(&mut self.synced_names);
        }
    }

    /// Writes what the disk may hold if the power fails now to `dir`, which must not exist.
    pub fn after_cut(&self, model: Model, random: &mut SmallRng, dir: &Path) {
        let oldest = self.oldest_unsynced();
        let newest = self.newest_unsynced();
        let until = match model {
            Model::Nothing => 0,
            Model::Prefix | Model::Pages => random.random_range(oldest..=newest + 1),
        };
        let mut names = self.synced_names.clone();
        for naming in self.journal.iter().filter(|naming| naming.event < until) {
            naming.apply(&mut names);
        }
        let page = if random.random() { 4096 } else { 512 };
        let share = random.random_range(0.1..0.9);
        for (path, node) in names {
            let target = dir.join(path.strip_prefix(&self.root).unwrap());
            let node = &self.nodes[node];
            if node.directory {
                fs::create_dir(target).unwrap();
                continue;
            }
            let mut content = node.synced.clone();
            for change in &node.unsynced {
                match model {
                    Model::Nothing => {}
                    Model::Prefix if change.event < until => change.what.apply(&mut content),
                    Model::Prefix => {}
                    Model::Pages => {
                        change.what.apply_some_pages(page, &mut content, || random.random_bool(share))
                    }
                }
            }
            fs::write(target, content).unwrap();
        }
    }

    fn unsynced(&self) -> impl Iterator<Item = usize> {
        let changes = self.nodes.iter().flat_map(|node| node.unsynced.iter().map(|change| change.event));
        changes.chain(self.journal.iter().map(|naming| naming.event))
    }

    fn oldest_unsynced(&self) -> usize {
        self.unsynced().min().unwrap_or(0)
    }

    fn newest_unsynced(&self) -> usize {
        self.unsynced().max().unwrap_or(0)
    }
}

impl Node<'_> {
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.what.apply(&mut self.synced);
        }
    }
}

impl What<'_> {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            What::Write { offset, data } => put(content, *offset, data),
            What::Truncate(length) => content.resize(*length, 0),
        }
    }

    fn apply_some_pages(&self, page: usize, content: &mut Vec<u8>, mut survives: impl FnMut() -> bool) {
        match self {
            What::Truncate(_) if survives() => self.apply(content),
            What::Truncate(_) => {}
            What::Write { offset, data } => {
                let mut start = 0;
                while start < data.len() {
                    let end = data.len().min(start + page - (offset + start) % page);
                    if survives() {
                        put(content, offset + start, &data[start..end]);
                    }
                    start = end;
                }
            }
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

impl Naming {
    /// A renamed directory takes what is in it along.
    fn apply(&self, names: &mut Names) {
        let Some(from) = &self.from else {
            names.extend(self.to.clone().map(|to| (to, self.node)));
            return;
        };
        let moved: Vec<PathBuf> = names.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in moved {
            let node = names.remove(&path);
            if let (Some(to), Some(node)) = (&self.to, node) {
                let rest = path.strip_prefix(from).unwrap();
                let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                names.insert(target, node);
            }
        }
    }
}
