//! The documents as their readers see them: blocks, words set as code, headings and links.

use std::collections::BTreeSet;

use crate::files;

/// A page, by its path from the root of the project.
#[derive(Debug)]
pub struct Document {
    /// Such as `docs/client.md`.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// A fenced block without its fence and its indentation.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// The line of its opening fence, from 1.
    pub line: usize,
    /// The heading that it stands below.
    pub heading: &'a str,
    /// What the comment `<!-- … -->` before it says.
    pub mark: Option<&'a str>,
    /// What stands behind its fence.
    pub language: &'a str,
    /// Its lines.
    pub text: String,
}

/// README, changelog and all below `docs`.
#[must_use]
pub fn documents() -> Vec<Document> {
    let root = files::path("");
    let pages = files::below(&files::path("docs")).into_iter();
    let mut names: Vec<String> = pages
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .filter_map(|path| Some(path.strip_prefix(&root).ok()?.to_str()?.to_owned()))
        .collect();
    names.extend(["README.md", "CHANGELOG.md"].map(ToOwned::to_owned));
    names.into_iter().map(Document::read).collect()
}

impl Document {
    /// The page of that path from the root of the project.
    #[must_use]
    pub fn read(name: impl Into<String>) -> Self {
        let name = name.into();
        let text = files::text(&name);
        Self { name, text }
    }

    /// The fenced blocks.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block<'_>> {
        let mut all = Vec::new();
        let mut open: Option<(usize, Block<'_>)> = None;
        let mut mark = None;
        let mut heading = "";
        for (index, line) in self.text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (Some(_), Some(_)) => all.extend(open.take().map(|(_, block)| block)),
                (Some((indent, block)), None) => {
                    block.text += line.get(*indent..).unwrap_or_default();
                    block.text.push('\n');
                }
                (None, Some(language)) => {
                    let block = Block {
                        line: index + 1,
                        heading,
                        mark: mark.take(),
                        language,
                        text: String::new(),
                    };
                    open = Some((indent, block));
                }
                (None, None) => {
                    heading = title(line).unwrap_or(heading);
                    let marked = line.strip_prefix("<!-- ");
                    let said = marked.and_then(|rest| rest.strip_suffix(" -->"));
                    // An empty line may stand between.
                    mark = said.or(mark.filter(|_| line.is_empty()));
                }
            }
        }
        all
    }

    /// The texts of its blocks in a language.
    #[must_use]
    pub fn texts(&self, language: &str) -> Vec<String> {
        let mut blocks = self.blocks();
        blocks.retain(|block| block.language == language);
        blocks.into_iter().map(|block| block.text).collect()
    }

    /// Its lines, those of fenced blocks left empty.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().map(move |line| {
            let is_fence = line.trim_start().starts_with("```");
            fenced ^= is_fence;
            if fenced || is_fence { "" } else { line }
        })
    }

    /// Words set as code outside of blocks, each with the line on which it begins. One that is broken over two lines is joined.
    #[must_use]
    pub fn code(&self) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        let mut open: Option<(usize, String)> = None;
        for (index, line) in self.prose().enumerate() {
            // A paragraph's end ends what was never closed.
            open = open.filter(|_| !line.is_empty());
            if let Some((_, text)) = &mut open {
                text.push(' ');
            }
            let mut parts = line.trim_start().split('`');
            if let (Some(part), Some((_, text))) = (parts.next(), &mut open) {
                text.push_str(part);
            }
            for part in parts {
                open = match open.take() {
                    Some(code) => {
                        all.push(code);
                        None
                    }
                    None => Some((index + 1, part.to_owned())),
                };
            }
        }
        for (_, code) in &mut all {
            // Inside of a table.
            *code = code.replace("\\|", "|");
        }
        all
    }

    /// What its headings are linked by.
    #[must_use]
    pub fn anchors(&self) -> BTreeSet<String> {
        self.prose().filter_map(title).map(anchor).collect()
    }

    /// The targets of its links, outside of blocks.
    #[must_use]
    pub fn links(&self) -> Vec<&str> {
        let parts = self.prose().flat_map(|line| line.split("](").skip(1));
        parts
            .filter_map(|part| part.split_once(')').map(|(target, _)| target))
            .collect()
    }
}

/// What a heading says.
fn title(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let is_heading = rest.len() < line.len() && rest.starts_with(' ');
    is_heading.then_some(rest.trim())
}

/// As the usual viewers form it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Document {
        let (name, text) = ("page.md".to_owned(), text.to_owned());
        Document { name, text }
    }

    #[test]
    fn a_block_has_its_heading_mark_and_lines() {
        let page = page(
            "# Top\n\n<!-- run -->\n\n```sh\n# no heading\na `b`\n```\n\n## `ls` it\n\n1. x:\n\n   ```text\n   y\n     z\n   ```\n",
        );
        let blocks = page.blocks();
        assert_eq!(blocks.len(), 2);
        let first = (
            blocks[0].line,
            blocks[0].heading,
            blocks[0].mark,
            blocks[0].language,
        );
        assert_eq!(first, (5, "Top", Some("run"), "sh"));
        assert_eq!(blocks[0].text, "# no heading\na `b`\n");
        assert_eq!((blocks[1].mark, blocks[1].heading), (None, "`ls` it"));
        assert_eq!(blocks[1].text, "y\n  z\n");
        assert_eq!(
            page.anchors(),
            BTreeSet::from(["top".to_owned(), "ls-it".to_owned()])
        );
    }

    #[test]
    fn code_is_found_in_prose_alone() {
        let page =
            page("a `b c` d `e\nf` g\n```\n`h`\n```\n| `i \\| j` | [k](l.md#m) |\n`open\n\n`n`\n");
        let code = page.code();
        let code: Vec<(usize, &str)> = code
            .iter()
            .map(|(line, text)| (*line, text.as_str()))
            .collect();
        assert_eq!(code, [(1, "b c"), (1, "e f"), (6, "i | j"), (9, "n")]);
        assert_eq!(page.links(), ["l.md#m"]);
    }
}
