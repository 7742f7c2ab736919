//! What one source file says: the modules it declares, the names it imports, the paths it mentions.
//!
//! Owns: reading tokens. Does not own: what a path means, which depends on the other files of the crate.
//! Tests do not count: items under `#[cfg(test)]` or `#[cfg(doctest)]` are left out, and files that only they declare
//! are never read.

use std::collections::BTreeSet;
use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree, token_stream::IntoIter};

/// Keywords that give a name to an item.
const ITEMS: [&str; 9] = [
    "const",
    "enum",
    "fn",
    "macro_rules",
    "static",
    "struct",
    "trait",
    "type",
    "union",
];

/// A path such as `crate::pool::Snapshot`, and the line where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// A name that `use` brings into a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) name: Binding,
    pub(crate) from: Mention,
}

/// What an import is called afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binding {
    Name(String),
    /// `use a::*`
    Glob,
    /// `use a::B as _`
    Nothing,
}

/// A module as its source declares it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Its place below the module of the file: empty for the file itself, `["a"]` for `mod a { … }` in it.
    pub(crate) inside: Vec<String>,
    /// Child modules in files of their own.
    pub(crate) files: Vec<String>,
    /// Items that are written here, without those inside of others.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Paths of two segments or more outside of `use`.
    pub(crate) mentions: Vec<Mention>,
}

/// Reads a file: its own module first, then the modules that are written inside it.
pub(crate) fn read(text: &str) -> Result<Vec<Scope>, String> {
    let tokens: TokenStream = text.parse().map_err(|error| format!("{error}"))?;
    let mut scopes = Vec::new();
    read_module(tokens, Vec::new(), &mut scopes);
    Ok(scopes)
}

fn read_module(tokens: TokenStream, inside: Vec<String>, scopes: &mut Vec<Scope>) {
    let scope = Scope {
        inside,
        ..Scope::default()
    };
    let place = scopes.len();
    scopes.push(scope);
    let mut reader = Reader { scopes, place };
    reader.read(tokens, true);
}

type Tokens = Peekable<IntoIter>;

struct Reader<'a> {
    scopes: &'a mut Vec<Scope>,
    /// The module that is being read.
    place: usize,
}

impl Reader<'_> {
    fn scope(&mut self) -> &mut Scope {
        &mut self.scopes[self.place]
    }

    /// Reads a group of tokens; `top` where items belong to the module itself.
    fn read(&mut self, tokens: TokenStream, top: bool) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let whole = takes(&mut tokens, '!');
                    match attribute(&mut tokens).is_some_and(|group| is_test(&group)) {
                        true if whole => return,
                        true => skip_item(&mut tokens),
                        false => {}
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    if punct.spacing() == Spacing::Joint && takes(&mut tokens, ':') {
                        // `::std::a`, or what follows the type in `<T as B>::c`: no name of this crate.
                        path(&mut tokens, Vec::new());
                    }
                }
                TokenTree::Group(group) => self.read(group.stream(), false),
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    self.word(ident.to_string(), line, top, &mut tokens);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn word(&mut self, word: String, line: usize, top: bool, tokens: &mut Tokens) {
        match word.as_str() {
            "pub" => skip_reach(tokens),
            // In a type, `use<'a>` lists what is captured.
            "use" if !is_next(tokens, '<') => self.import(tokens),
            "mod" => self.module(tokens),
            keyword if ITEMS.contains(&keyword) => {
                // `macro_rules! name`
                takes(tokens, '!');
                if let (true, Some(TokenTree::Ident(name))) = (top, tokens.peek()) {
                    let name = name.to_string();
                    self.scope().items.insert(name);
                }
            }
            _ => {
                let path = path(tokens, vec![word]);
                if path.len() > 1 {
                    self.scope().mentions.push(Mention { path, line });
                }
            }
        }
    }

    fn module(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        let name = name.to_string();
        match tokens.next() {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
                let mut inside = self.scope().inside.clone();
                inside.push(name);
                read_module(body.stream(), inside, self.scopes);
            }
            _ => self.scope().files.push(name),
        }
    }

    fn import(&mut self, tokens: &mut Tokens) {
        let tree = tokens.by_ref().take_while(|token| !is_punct(token, ';'));
        let tree: TokenStream = tree.collect();
        let mut imports = Vec::new();
        for part in parts(tree) {
            read_tree(part, &[], &mut imports);
        }
        self.scope().imports.append(&mut imports);
    }
}

/// Splits what stands between commas.
fn parts(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        if is_punct(&token, ',') {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(token);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Reads one tree of a `use`, below the path before its braces.
fn read_tree(tree: Vec<TokenTree>, above: &[String], imports: &mut Vec<Import>) {
    let Some(line) = tree.first().map(|token| token.span().start().line) else {
        return;
    };
    if above.is_empty() && is_punct(&tree[0], ':') {
        // `use ::std::a`: another crate, even if a module here has its name.
        return;
    }
    let mut path = above.to_vec();
    let mut name = None;
    let mut tokens = tree.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "as" => {
                name = tokens.next().map(|name| name.to_string());
            }
            TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Group(group) => {
                for part in parts(group.stream()) {
                    read_tree(part, &path, imports);
                }
                return;
            }
            token if is_punct(&token, '*') => {
                let from = Mention { path, line };
                imports.push(Import {
                    name: Binding::Glob,
                    from,
                });
                return;
            }
            _ => {}
        }
    }
    let name = match name.or_else(|| path.last().cloned()) {
        Some(name) if name != "_" => Binding::Name(name),
        _ => Binding::Nothing,
    };
    let from = Mention { path, line };
    imports.push(Import { name, from });
}

/// The rest of a path whose first segments are given: `::a::b`, up to anything else.
fn path(tokens: &mut Tokens, mut path: Vec<String>) -> Vec<String> {
    if path.is_empty() {
        path.extend(next_word(tokens));
    }
    loop {
        let mut ahead = tokens.clone();
        let double = matches!(
            (ahead.next(), ahead.next()),
            (Some(TokenTree::Punct(first)), Some(second))
                if first.as_char() == ':' && first.spacing() == Spacing::Joint && is_punct(&second, ':')
        );
        if !double {
            return path;
        }
        let Some(word) = next_word(&mut ahead) else {
            return path;
        };
        path.push(word);
        *tokens = ahead;
    }
}

/// The bracket of an attribute whose `#` was read.
fn attribute(tokens: &mut Tokens) -> Option<Group> {
    match tokens.peek() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            let group = group.clone();
            tokens.next();
            Some(group)
        }
        _ => None,
    }
}

/// Whether an attribute leaves its item to tests: `cfg(test)`, `cfg(doctest)`, also within `all(…)`.
fn is_test(attribute: &Group) -> bool {
    let mut tokens = attribute.stream().into_iter().peekable();
    next_word(&mut tokens).is_some_and(|word| word == "cfg")
        && matches!(tokens.next(), Some(TokenTree::Group(group)) if asks_for_tests(group.stream()))
}

fn asks_for_tests(condition: TokenStream) -> bool {
    parts(condition)
        .into_iter()
        .any(|part| match part.as_slice() {
            [TokenTree::Ident(word)] => word == "test" || word == "doctest",
            [TokenTree::Ident(word), TokenTree::Group(group)] if word == "all" => {
                asks_for_tests(group.stream())
            }
            _ => false,
        })
}

/// Skips an item whose attributes were read, or a field, an arm or a statement.
fn skip_item(tokens: &mut Tokens) {
    // What ends with a semicolon even if it has braces; and an item whose generics may have commas.
    let (mut to_semicolon, mut item) = (false, false);
    for token in tokens.by_ref() {
        match token {
            TokenTree::Ident(word) => {
                let word = word.to_string();
                to_semicolon |= ["use", "const", "static", "let", "type"].contains(&word.as_str());
                if word == "fn" {
                    // `const fn`
                    to_semicolon = false;
                }
                item |= ["fn", "impl", "mod"].contains(&word.as_str())
                    || ITEMS.contains(&word.as_str());
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !to_semicolon => {
                return;
            }
            token if is_punct(&token, ';') => return,
            token if is_punct(&token, ',') && !item => return,
            _ => {}
        }
    }
}

/// Skips who may see an item: `(crate)`, `(in crate::a)`.
fn skip_reach(tokens: &mut Tokens) {
    if let Some(TokenTree::Group(group)) = tokens.peek() {
        let first = group.stream().into_iter().next();
        let words = ["crate", "self", "super", "in"];
        if first.is_some_and(|first| words.contains(&first.to_string().as_str())) {
            tokens.next();
        }
    }
}

fn next_word(tokens: &mut Tokens) -> Option<String> {
    match tokens.peek() {
        Some(TokenTree::Ident(word)) => {
            let word = word.to_string();
            tokens.next();
            Some(word)
        }
        _ => None,
    }
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_next(tokens: &mut Tokens, sign: char) -> bool {
    tokens.peek().is_some_and(|token| is_punct(token, sign))
}

/// Takes that sign if it comes next.
fn takes(tokens: &mut Tokens, sign: char) -> bool {
    let found = is_next(tokens, sign);
    if found {
        tokens.next();
    }
    found
}
