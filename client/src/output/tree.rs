//! Formats files as a tree, as tree(1) does.

use std::collections::BTreeMap;

use netsocket_protocol::message::FileEntry;
use netsocket_protocol::name::Name;

use crate::output::colours::{Colours, painted};
use crate::output::messages::{Names, bytes_of};
use crate::text::files;

/// No path on Linux has more names: what a server says beyond that is left out, as each level costs some of the stack.
const MOST_LEVELS: usize = 2048;

/// Directories and files below a directory.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Directory,
    /// How many levels are kept; `None` for all.
    depth: Option<usize>,
    directories_only: bool,
}

#[derive(Debug, Default)]
struct Directory {
    children: BTreeMap<Vec<u8>, Child>,
}

#[derive(Debug)]
enum Child {
    Directory(Directory),
    File(FileEntry),
}

/// How names are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameStyle<'a> {
    /// Exactly or escaped.
    pub(crate) names: Names,
    /// Colours of names.
    pub(crate) colours: Option<&'a Colours>,
}

impl Tree {
    /// An empty tree. Of what is added, only the first `depth` levels are kept.
    pub(crate) fn new(depth: Option<usize>, directories_only: bool) -> Self {
        Self {
            root: Directory::default(),
            depth,
            directories_only,
        }
    }

    /// Whether a file is on one of the levels that are kept.
    pub(crate) fn has_level_of(&self, file: &FileEntry, skipped: usize) -> bool {
        let path = file.path.as_bytes().get(skipped..).unwrap_or_default();
        let above = path.iter().filter(|byte| **byte == b'/').count();
        self.depth.is_none_or(|depth| above < depth)
    }

    /// Adds a file and the directories above it; `skipped` bytes at the beginning of its path lead to the tree itself.
    pub(crate) fn add(&mut self, file: FileEntry, skipped: usize) {
        let path = file.path.as_bytes().get(skipped..).unwrap_or_default();
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let Some((name, directories)) = names.split_last() else {
            return;
        };
        let depth = self.depth.unwrap_or(MOST_LEVELS).min(MOST_LEVELS);
        let mut directory = &mut self.root;
        for above in directories.iter().take(depth) {
            let child = directory
                .children
                .entry(above.to_vec())
                .or_insert_with(|| Child::Directory(Directory::default()));
            match child {
                Child::Directory(below) => directory = below,
                // A server's answer may be anything.
                Child::File(_) => return,
            }
        }
        if directories.len() < depth && !self.directories_only {
            let name = name.to_vec();
            directory.children.insert(name, Child::File(file));
        }
    }

    /// The tree below a line with `top`, and a line that counts.
    pub(crate) fn lines(&self, top: &Name, style: NameStyle<'_>) -> Drawn {
        let mut text = style.directory(top);
        text.push(b'\n');
        let mut count = Count::default();
        count.note(top);
        branches(&self.root, &mut Vec::new(), style, &mut text, &mut count);
        let directories = match count.directories {
            1 => "1 directory".to_owned(),
            count => format!("{count} directories"),
        };
        let counted = match self.directories_only {
            true => format!("\n{directories}\n"),
            false => format!("\n{directories}, {}\n", files(count.files)),
        };
        text.extend_from_slice(counted.as_bytes());
        Drawn {
            text,
            broken: count.broken,
        }
    }
}

/// A tree as text.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) text: Vec<u8>,
    /// How many names have a newline.
    pub(crate) broken: usize,
}

#[derive(Default)]
struct Count {
    directories: u64,
    files: u64,
    /// Names with a newline.
    broken: usize,
}

impl Count {
    fn note(&mut self, name: &Name) {
        self.broken += usize::from(name.as_bytes().contains(&b'\n'));
    }
}

/// Writes the lines of what is in a directory; `before` is what each of them begins with.
fn branches(
    directory: &Directory,
    before: &mut Vec<&'static str>,
    style: NameStyle<'_>,
    text: &mut Vec<u8>,
    count: &mut Count,
) {
    let last = directory.children.len().saturating_sub(1);
    for (at, (name, child)) in directory.children.iter().enumerate() {
        let (branch, below) = if at == last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        text.extend(before.iter().flat_map(|part| part.bytes()));
        text.extend_from_slice(branch.as_bytes());
        let name = Name::from(name.as_slice());
        count.note(&name);
        match child {
            Child::File(file) => {
                count.files += 1;
                text.extend(style.file(&name, file));
                text.push(b'\n');
            }
            Child::Directory(inside) => {
                count.directories += 1;
                text.extend(style.directory(&name));
                text.push(b'\n');
                before.push(below);
                branches(inside, before, style, text, count);
                before.pop();
            }
        }
    }
}

impl NameStyle<'_> {
    fn file(self, name: &Name, file: &FileEntry) -> Vec<u8> {
        let code = self.colours.and_then(|colours| colours.code(file));
        self.name(name, code)
    }

    fn directory(self, name: &Name) -> Vec<u8> {
        let code = self.colours.and_then(Colours::directory_code);
        self.name(name, code)
    }

    fn name(self, name: &Name, code: Option<&str>) -> Vec<u8> {
        match code {
            Some(_) if self.names == Names::Escaped => {
                painted(&name.to_string(), code).into_bytes()
            }
            _ => bytes_of(name, self.names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(paths: &[&str], depth: Option<usize>, directories_only: bool) -> String {
        let mut tree = Tree::new(depth, directories_only);
        for path in paths {
            let file = FileEntry {
                path: (*path).into(),
                size: 1,
                born: String::new(),
                birth_known: true,
                modified: String::new(),
                mode: 0o100_644,
            };
            tree.add(file, "t/".len());
        }
        let style = NameStyle {
            names: Names::Escaped,
            colours: None,
        };
        String::from_utf8(tree.lines(&"t".into(), style).text).unwrap()
    }

    const PATHS: [&str; 4] = ["t/a/b/x", "t/a/y\n", "t/c/z", "t/d"];

    #[test]
    fn a_tree_is_drawn_as_by_tree() {
        assert_eq!(
            drawn(&PATHS, None, false),
            "t\n\
             ├── a\n\
             │   ├── b\n\
             │   │   └── x\n\
             │   └── y\\n\n\
             ├── c\n\
             │   └── z\n\
             └── d\n\
             \n\
             3 directories, 4 files\n"
        );
        assert_eq!(drawn(&[], None, false), "t\n\n0 directories, 0 files\n");
    }

    #[test]
    fn levels_and_files_can_be_left_out() {
        assert_eq!(
            drawn(&PATHS, Some(1), false),
            "t\n├── a\n├── c\n└── d\n\n2 directories, 1 file\n"
        );
        assert_eq!(
            drawn(&PATHS, None, true),
            "t\n├── a\n│   └── b\n└── c\n\n3 directories\n"
        );
    }
}
