//! The modules of one crate and what a path in one of them leads to.
//!
//! Owns: finding the files from `lib.rs` (or `main.rs`) down, and resolving paths through modules, imports and re-exports.
//! Does not own: which of these imports are allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::source::{self, Binding, Mention, Scope};
use crate::failure::{Failure, Outcome};

/// How many re-exports may lead from one to the next before they count as a circle of their own.
const DEPTH: usize = 32;

/// The modules of a crate by their path below its root.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    modules: BTreeMap<Vec<String>, Module>,
}

#[derive(Debug)]
struct Module {
    /// Below `src`, with `/` between.
    file: String,
    scope: Scope,
}

/// An import of one file by another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) line: usize,
    /// The path as it is written.
    pub(crate) path: String,
}

impl Modules {
    /// Reads a crate whose root is `src/lib.rs`, else `src/main.rs`.
    pub(crate) fn read(src: &Path) -> Outcome<Self> {
        let root = ["lib.rs", "main.rs"]
            .into_iter()
            .find(|root| src.join(root).is_file());
        let root = root
            .ok_or_else(|| Failure::new(format!("{}: no lib.rs and no main.rs", src.display())))?;
        Self::from(root, &|file: &str| {
            let path = src.join(file);
            match path.is_file() {
                true => std::fs::read_to_string(&path)
                    .map(Some)
                    .map_err(Failure::at(&path)),
                false => Ok(None),
            }
        })
    }

    /// Reads a crate from texts by the paths of their files.
    pub(crate) fn from(
        root: &str,
        text_of: &dyn Fn(&str) -> Outcome<Option<String>>,
    ) -> Outcome<Self> {
        let mut modules = BTreeMap::new();
        let mut open = vec![(Vec::new(), root.to_owned())];
        while let Some((path, file)) = open.pop() {
            let text = text_of(&file)?.ok_or_else(|| {
                Failure::new(format!("{file}: declared as a module, but missing"))
            })?;
            let scopes = source::read(&text)
                .map_err(|error| Failure::new(format!("{file}: not understood: {error}")))?;
            for scope in scopes {
                let place = [&path[..], &scope.inside].concat();
                for child in &scope.files {
                    let child = [&place[..], std::slice::from_ref(child)].concat();
                    let folder = child.join("/");
                    let (folded, plain) = (format!("{folder}/mod.rs"), format!("{folder}.rs"));
                    let file = if text_of(&folded)?.is_some() {
                        folded
                    } else {
                        plain
                    };
                    open.push((child, file));
                }
                let file = file.clone();
                modules.insert(place, Module { file, scope });
            }
        }
        Ok(Self { modules })
    }

    /// Every import of one file by another, in order of the importing file and line; the first of several between the
    /// same two files.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges = BTreeMap::new();
        for (place, module) in &self.modules {
            let imports = module.scope.imports.iter().map(|import| &import.from);
            for mention in imports.chain(&module.scope.mentions) {
                for target in self.reached(place, mention) {
                    if target == module.file {
                        continue;
                    }
                    let edge = Edge {
                        from: module.file.clone(),
                        to: target.to_owned(),
                        line: mention.line,
                        path: mention.path.join("::"),
                    };
                    let key = (edge.from.clone(), edge.to.clone());
                    let first = edges.entry(key).or_insert_with(|| edge.clone());
                    if edge.line < first.line {
                        *first = edge;
                    }
                }
            }
        }
        let mut edges: Vec<Edge> = edges.into_values().collect();
        edges.sort_by(|a, b| (&a.from, a.line, &a.to).cmp(&(&b.from, b.line, &b.to)));
        edges
    }

    /// The files that a path in a module leads to: that of the item, and each that hands it on.
    fn reached(&self, place: &[String], mention: &Mention) -> BTreeSet<&str> {
        let mut files = BTreeSet::new();
        self.follow(place, &mention.path, DEPTH, &mut files);
        files
    }

    /// Resolves a path as it is written in the module at `place`.
    fn follow<'a>(
        &'a self,
        place: &[String],
        path: &[String],
        depth: usize,
        files: &mut BTreeSet<&'a str>,
    ) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        match first.as_str() {
            "crate" => self.walk(Vec::new(), rest, depth, files),
            "self" | "super" => {
                let (mut place, mut rest) = (place.to_vec(), path);
                while let Some((word, below)) = rest.split_first() {
                    match word.as_str() {
                        "super" => place.truncate(place.len().saturating_sub(1)),
                        "self" => {}
                        _ => break,
                    }
                    rest = below;
                }
                self.walk(place, rest, depth, files);
            }
            // A child, or a name that was imported; anything else belongs to another crate, or is no path of modules.
            _ if self.child(place, first).is_some() => {
                self.walk(place.to_vec(), path, depth, files);
            }
            _ => {
                let Some(module) = self.modules.get(place) else {
                    return;
                };
                if let Some(from) = imported(&module.scope, first) {
                    self.hand_on(place, from, rest, depth, files);
                }
            }
        }
    }

    /// Resolves the rest of a path from the module at `place`.
    fn walk<'a>(
        &'a self,
        mut place: Vec<String>,
        mut rest: &[String],
        depth: usize,
        files: &mut BTreeSet<&'a str>,
    ) {
        while let Some((first, below)) = rest.split_first() {
            match self.child(&place, first) {
                Some(child) => (place, rest) = (child, below),
                None => break,
            }
        }
        let Some(module) = self.modules.get(&place) else {
            return;
        };
        files.insert(&module.file);
        let Some((first, below)) = rest.split_first() else {
            return;
        };
        if let Some(from) = imported(&module.scope, first) {
            self.hand_on(&place, from, below, depth, files);
        } else if !module.scope.items.contains(first) {
            let globs = module.scope.imports.iter();
            for glob in globs.filter(|import| import.name == Binding::Glob) {
                if self.provides(&place, &glob.from.path, first, depth) {
                    self.hand_on(&place, &glob.from, rest, depth, files);
                }
            }
        }
    }

    /// Goes on from an import in the module at `place`.
    fn hand_on<'a>(
        &'a self,
        place: &[String],
        from: &Mention,
        rest: &[String],
        depth: usize,
        files: &mut BTreeSet<&'a str>,
    ) {
        // `use libc;` leads to itself.
        if depth > 0 {
            let path = [&from.path[..], rest].concat();
            self.follow(place, &path, depth - 1, files);
        }
    }

    /// Whether the module that a glob in `place` names has something of that name.
    fn provides(&self, place: &[String], glob: &[String], name: &str, depth: usize) -> bool {
        let Some(target) = self.module_at(place, glob).filter(|_| depth > 0) else {
            return false;
        };
        let Some(module) = self.modules.get(&target) else {
            return false;
        };
        let scope = &module.scope;
        scope.items.contains(name)
            || self.child(&target, name).is_some()
            || imported(scope, name).is_some()
            || scope.imports.iter().any(|import| {
                import.name == Binding::Glob
                    && self.provides(&target, &import.from.path, name, depth - 1)
            })
    }

    /// The module that a path names, where it goes through modules only.
    fn module_at(&self, place: &[String], path: &[String]) -> Option<Vec<String>> {
        let (mut at, below) = match path.split_first()? {
            (first, below) if first == "crate" => (Vec::new(), below),
            _ => (place.to_vec(), path),
        };
        for word in below {
            at = match word.as_str() {
                "self" => at,
                "super" => at.split_last()?.1.to_vec(),
                child => self.child(&at, child)?,
            };
        }
        Some(at)
    }

    fn child(&self, place: &[String], name: &str) -> Option<Vec<String>> {
        let child = [place, &[name.to_owned()]].concat();
        self.modules.contains_key(&child).then_some(child)
    }
}

/// Where a name comes from that a module imports.
fn imported<'a>(scope: &'a Scope, name: &str) -> Option<&'a Mention> {
    let mut imports = scope.imports.iter();
    imports
        .find(|import| matches!(&import.name, Binding::Name(own) if own == name))
        .map(|import| &import.from)
}
