//! The inode table: numbers, parents, names and lookup counts.

use super::{Inode, State};
use crate::names::{self, Name, NameError};
use crate::sync::{Ranked, TABLE};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// The number of the mount's root directory, fixed by the FUSE protocol.
pub const ROOT: u64 = 1;
/// Numbers have 53 bits: scripting languages keep them in floating point.
const NUMBERS: u64 = (1 << 53) - 1;

/// The tree of known inodes.
///
/// A node leaves the table when the kernel has forgotten it, it has no known children, and nobody holds it (open
/// handles and pending stores hold an `Arc`). FORGET may overtake RELEASE on another thread: the `Arc` of the handle
/// keeps the node, and [`Table::sweep`] takes it later.
///
/// The root is that of a bucket, or holds the roots of buckets.
#[derive(Debug)]
pub struct Table {
    root: Arc<Inode>,
    tree: Ranked<TABLE, Tree>,
}

#[derive(Debug)]
struct Tree {
    nodes: HashMap<u64, Node>,
    /// Nodes that the kernel does not know (any more).
    idle: HashSet<u64>,
}

#[derive(Debug)]
struct Node {
    inode: Arc<Inode>,
    parent: u64,
    name: Option<Name>,
    lookups: u64,
    children: HashMap<Name, u64>,
    /// Of the root of a bucket: what all keys below begin with.
    prefix: Option<String>,
}

impl Table {
    /// A table with the root of a bucket alone. `prefix` is the mounted key prefix: empty or ending in `/`.
    pub fn new(prefix: &str, root: State) -> Table {
        Table::with_root(Some(prefix.to_string()), root)
    }

    /// A table whose root holds the roots of buckets.
    pub fn of_buckets(root: State) -> Table {
        Table::with_root(None, root)
    }

    fn with_root(prefix: Option<String>, root: State) -> Table {
        let root = Arc::new(Inode::new(ROOT, ROOT, root));
        let node = Node { inode: root.clone(), parent: 0, name: None, lookups: 1, children: HashMap::new(), prefix };
        let tree = Tree { nodes: HashMap::from([(ROOT, node)]), idle: HashSet::new() };
        Table { root, tree: Ranked::new(tree) }
    }

    /// The root.
    pub fn root(&self) -> &Arc<Inode> {
        &self.root
    }

    /// The root of a bucket in a table of buckets: the known one, or a new one made by `state`.
    pub fn bucket(&self, name: &Name, state: impl FnOnce() -> State) -> Arc<Inode> {
        let mut tree = self.tree.lock();
        let known = tree.nodes.get(&ROOT).and_then(|root| root.children.get(name)).copied();
        if let Some(node) = known.and_then(|ino| tree.nodes.get(&ino)) {
            return node.inode.clone();
        }
        tree.add_node(ROOT, name, Some(String::new()), state())
    }

    /// The inode with this number.
    pub fn get(&self, ino: u64) -> Option<Arc<Inode>> {
        self.tree.lock().nodes.get(&ino).map(|node| node.inode.clone())
    }

    /// The inode of a name, if it is known.
    pub fn child(&self, parent: u64, name: &Name) -> Option<Arc<Inode>> {
        let tree = self.tree.lock();
        let ino = tree.nodes.get(&parent)?.children.get(name)?;
        tree.nodes.get(ino).map(|node| node.inode.clone())
    }

    /// The known inode of a name, or a new one made by `state`. Second value: it is new.
    pub fn child_or_add(&self, parent: u64, name: &Name, state: impl FnOnce() -> State) -> Option<(Arc<Inode>, bool)> {
        let mut tree = self.tree.lock();
        if let Some(ino) = tree.nodes.get(&parent)?.children.get(name).copied() {
            return Some((tree.nodes.get(&ino)?.inode.clone(), false));
        }
        Some((tree.add(parent, name, state()), true))
    }

    /// The number that a name would get that is not known yet.
    pub fn number(&self, parent: u64, name: &Name) -> u64 {
        self.tree.lock().number(parent, name)
    }

    /// Adds an inode under a name; a known one of that name loses it.
    pub fn add(&self, parent: u64, name: &Name, state: State) -> Option<Arc<Inode>> {
        let mut tree = self.tree.lock();
        if !tree.nodes.contains_key(&parent) {
            return None;
        }
        tree.unname(parent, name);
        Some(tree.add(parent, name, state))
    }

    /// The kernel was told this number `n` more times.
    pub fn count(&self, ino: u64, n: u64) {
        let mut tree = self.tree.lock();
        if let Some(node) = tree.nodes.get_mut(&ino) {
            node.lookups += n;
            tree.idle.remove(&ino);
        }
    }

    /// The kernel gives back `n` mentions.
    pub fn forget(&self, ino: u64, n: u64) {
        let mut tree = self.tree.lock();
        let Some(node) = tree.nodes.get_mut(&ino) else { return };
        debug_assert!(node.lookups >= n, "the kernel forgot inode {ino} more often than it was told of it");
        node.lookups = node.lookups.saturating_sub(n);
        if node.lookups == 0 && ino != ROOT {
            tree.idle.insert(ino);
            tree.reap(ino);
        }
    }

    /// Removes the inode's name: the node lives on without one until it is forgotten and closed.
    pub fn unlink(&self, ino: u64) {
        let mut tree = self.tree.lock();
        let Some(node) = tree.nodes.get(&ino) else { return };
        let (parent, name) = (node.parent, node.name.clone());
        if let Some(name) = name {
            tree.unname(parent, &name);
        }
        tree.reap(ino);
    }

    /// Moves the inode to another name; what stood there loses its name.
    pub fn rename(&self, ino: u64, parent: u64, name: &Name) {
        let mut tree = self.tree.lock();
        let Some(node) = tree.nodes.get(&ino) else { return };
        if let Some(old) = node.name.clone() {
            let old_parent = node.parent;
            tree.unname(old_parent, &old);
        }
        tree.unname(parent, name);
        if let Some(node) = tree.nodes.get_mut(&ino) {
            node.parent = parent;
            node.name = Some(name.clone());
        }
        if let Some(node) = tree.nodes.get_mut(&parent) {
            node.children.insert(name.clone(), ino);
        }
    }

    /// Parent and name, `None` for the root and for what has lost its name.
    pub fn place(&self, ino: u64) -> Option<(u64, Name)> {
        let tree = self.tree.lock();
        let node = tree.nodes.get(&ino)?;
        Some((node.parent, node.name.clone()?))
    }

    /// The parent's number (the root is its own), for `..`.
    pub fn parent(&self, ino: u64) -> u64 {
        self.tree.lock().nodes.get(&ino).map_or(ROOT, |node| node.parent.max(ROOT))
    }

    /// The key prefix of a directory, ending in `/` (or empty at the root of a bucket).
    pub fn dir_key(&self, ino: u64) -> Option<String> {
        let tree = self.tree.lock();
        tree.dir_key(ino)
    }

    /// The key of a file under its current name.
    pub fn file_key(&self, ino: u64) -> Option<Result<String, NameError>> {
        let tree = self.tree.lock();
        let node = tree.nodes.get(&ino)?;
        let dir = tree.dir_key(node.parent)?;
        Some(names::file_key(&dir, node.name.as_ref()?))
    }

    /// The path below the mount point, for messages.
    pub fn path(&self, ino: u64) -> String {
        let tree = self.tree.lock();
        let mut parts = Vec::new();
        let mut at = ino;
        while let Some(node) = tree.nodes.get(&at) {
            match &node.name {
                Some(name) => parts.push(name.as_str().to_string()),
                None if at != ROOT => parts.push(format!("(removed {at})")),
                None => {}
            }
            if at == ROOT || node.name.is_none() {
                break;
            }
            at = node.parent;
        }
        parts.reverse();
        parts.join("/")
    }

    /// Whether `ino` is `above` or lies below it.
    pub fn is_within(&self, ino: u64, above: u64) -> bool {
        let tree = self.tree.lock();
        let mut at = ino;
        loop {
            if at == above {
                return true;
            }
            match tree.nodes.get(&at) {
                Some(node) if at != ROOT && node.parent != 0 => at = node.parent,
                _ => return false,
            }
        }
    }

    /// The known inodes of a directory's names.
    pub fn children(&self, ino: u64) -> Vec<Arc<Inode>> {
        let tree = self.tree.lock();
        let Some(node) = tree.nodes.get(&ino) else { return Vec::new() };
        node.children.values().filter_map(|child| tree.nodes.get(child)).map(|node| node.inode.clone()).collect()
    }

    /// All known inodes below a directory (not itself).
    pub fn below(&self, ino: u64) -> Vec<Arc<Inode>> {
        let tree = self.tree.lock();
        let mut found = Vec::new();
        let mut open = vec![ino];
        while let Some(at) = open.pop() {
            let Some(node) = tree.nodes.get(&at) else { continue };
            for child in node.children.values() {
                if let Some(child_node) = tree.nodes.get(child) {
                    found.push(child_node.inode.clone());
                }
                open.push(*child);
            }
        }
        found
    }

    /// Takes out what nobody needs any more. Called now and then.
    pub fn sweep(&self) {
        let mut tree = self.tree.lock();
        for ino in tree.idle.iter().copied().collect::<Vec<_>>() {
            tree.reap(ino);
        }
    }

    /// Number of inodes in the table.
    pub fn len(&self) -> usize {
        self.tree.lock().nodes.len()
    }

    /// Whether only the root is there.
    pub fn is_empty(&self) -> bool {
        self.len() <= 1
    }
}

impl Tree {
    fn add(&mut self, parent: u64, name: &Name, state: State) -> Arc<Inode> {
        self.add_node(parent, name, None, state)
    }

    fn add_node(&mut self, parent: u64, name: &Name, prefix: Option<String>, state: State) -> Arc<Inode> {
        let ino = self.number(parent, name);
        let above = self.nodes.get(&parent).map_or(ROOT, |node| node.inode.bucket);
        let bucket = if prefix.is_some() { ino } else { above };
        let inode = Arc::new(Inode::new(ino, bucket, state));
        let (name, children) = (name.clone(), HashMap::new());
        let node = Node { inode: inode.clone(), parent, name: Some(name.clone()), lookups: 0, children, prefix };
        self.nodes.insert(ino, node);
        self.idle.insert(ino);
        if let Some(node) = self.nodes.get_mut(&parent) {
            node.children.insert(name, ino);
        }
        inode
    }

    /// A number that the same name had when it was known before, in this mount or an earlier one, unless another inode
    /// has it: tar, git and backup programs take a file with another number for another file, and the kernel may
    /// forget and look up again at any time.
    fn number(&self, parent: u64, name: &Name) -> u64 {
        let mut ino = likely_number(parent, name);
        while ino <= ROOT || self.nodes.contains_key(&ino) {
            ino = (ino + 1) & NUMBERS;
        }
        ino
    }

    fn unname(&mut self, parent: u64, name: &Name) {
        let Some(ino) = self.nodes.get_mut(&parent).and_then(|node| node.children.remove(name)) else { return };
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.name = None;
        }
    }

    fn dir_key(&self, ino: u64) -> Option<String> {
        let mut parts = Vec::new();
        let mut node = self.nodes.get(&ino)?;
        let mut key = loop {
            match &node.prefix {
                Some(prefix) => break prefix.clone(),
                None => parts.push(node.name.clone()?),
            }
            node = self.nodes.get(&node.parent)?;
        };
        for part in parts.iter().rev() {
            key.push_str(part.as_str());
            key.push('/');
        }
        Some(key)
    }

    /// Removes the node if nothing holds it, then its parent likewise.
    fn reap(&mut self, ino: u64) {
        let mut at = ino;
        while let Some(node) = self.nodes.get(&at) {
            if at == ROOT || node.lookups > 0 || !node.children.is_empty() || Arc::strong_count(&node.inode) > 1 {
                return;
            }
            let (parent, name) = (node.parent, node.name.clone());
            self.nodes.remove(&at);
            self.idle.remove(&at);
            if let (Some(name), Some(parent)) = (name, self.nodes.get_mut(&parent)) {
                parent.children.remove(&name);
            }
            at = parent;
        }
    }
}

/// The number of a name that is not known, unless another inode has it.
pub fn likely_number(parent: u64, name: &Name) -> u64 {
    let mut hasher = DefaultHasher::new();
    (parent, name.as_str()).hash(&mut hasher);
    hasher.finish() & NUMBERS
}
