//! Finds what begins in a TOML text and has no end: a string, an array or an inline table.
//!
//! Owns: where such a thing begins. A parser says where it noticed, which may be many lines further down, and takes
//! everything on the way for a mistake of its own. Does not own: whether a text is valid TOML; it is asked about texts that
//! are not.

use std::ops::Range;

/// Something without an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unclosed {
    /// As TOML calls it.
    pub(crate) what: &'static str,
    /// What is missing at its end.
    pub(crate) closer: &'static str,
    /// From its first byte to the last that it could have swallowed.
    pub(crate) range: Range<usize>,
}

/// What a text consists of, as far as it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// In the order of the text.
    pub(crate) unclosed: Vec<Unclosed>,
    /// Each value in brackets or braces, with all that is in it.
    pub(crate) values: Vec<Range<usize>>,
}

/// A bracket or brace that is open.
struct Open {
    start: usize,
    is_table: bool,
    /// Whether a value came on a line before this one.
    has_earlier_line: bool,
    has_value_here: bool,
    /// Whether there was a `=`; in a table since the last comma.
    has_equals: bool,
}

/// Looks through a text.
pub(crate) fn outline(text: &str) -> Outline {
    let mut scan = Scan {
        text,
        at: 0,
        open: Vec::new(),
        found: Outline::default(),
    };
    while scan.step().is_some() {}
    if let Some(open) = scan.open.pop() {
        scan.report(&open);
    }
    scan.found
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
    found: Outline,
}

impl Scan<'_> {
    /// Goes on by one token; `None` at the end, or where the rest cannot be told.
    fn step(&mut self) -> Option<()> {
        let start = self.at;
        let token = self.text[start..].chars().next()?;
        self.at += token.len_utf8();
        match token {
            '#' => self.skip_line(),
            '\n' => self.end_line(),
            '"' | '\'' => {
                self.mark_value();
                return self.string(start, token);
            }
            // The name of a table.
            '[' if self.open.is_empty() && self.begins_line(start) => self.skip_line(),
            '[' | '{' => {
                self.mark_value();
                self.open.push(Open {
                    start,
                    is_table: token == '{',
                    has_earlier_line: false,
                    has_value_here: false,
                    has_equals: false,
                });
            }
            ']' | '}' => return self.close(token),
            ',' => {
                if let Some(open) = self.open.last_mut().filter(|it| it.is_table) {
                    open.has_equals = false;
                }
            }
            '=' => return self.equals(),
            blank if blank.is_whitespace() => {}
            _ => self.mark_value(),
        }
        Some(())
    }

    fn close(&mut self, token: char) -> Option<()> {
        // One too many is not one too few.
        let Some(open) = self.open.pop() else {
            return Some(());
        };
        if open.is_table != (token == '}') {
            self.report(&open);
            self.open.clear();
            return None;
        }
        if self.open.is_empty() {
            self.found.values.push(open.start..self.at);
        }
        Some(())
    }

    /// An array has none, and a table one between two commas. Another one on a later line is that of a key behind it; but not
    /// if the array already has keys, whose braces are forgotten.
    fn equals(&mut self) -> Option<()> {
        let Some(open) = self.open.last_mut() else {
            return Some(());
        };
        if open.has_earlier_line && open.has_equals == open.is_table {
            let open = self.open.pop()?;
            self.report(&open);
            self.open.clear();
            return None;
        }
        open.has_equals = true;
        open.has_earlier_line = false;
        open.has_value_here = false;
        Some(())
    }

    fn string(&mut self, start: usize, quote: char) -> Option<()> {
        let rest = &self.text[start..];
        let (closer, lines) = match quote {
            '"' if rest.starts_with("\"\"\"") => ("\"\"\"", true),
            '"' => ("\"", false),
            _ if rest.starts_with("'''") => ("'''", true),
            _ => ("'", false),
        };
        let mut at = closer.len();
        let mut length = None;
        while let Some(next) = rest[at..].chars().next() {
            if rest[at..].starts_with(closer) {
                length = Some(at + closer.len());
                break;
            }
            if next == '\n' && !lines {
                break;
            }
            at += next.len_utf8();
            // The character after it stands for itself.
            if next == '\\' && quote == '"' {
                at += rest[at..]
                    .chars()
                    .next()
                    .filter(|it| *it != '\n')
                    .map_or(0, char::len_utf8);
            }
        }
        if let Some(length) = length {
            self.at = start + length;
            return Some(());
        }
        let line_only = !lines && self.open.is_empty();
        let end = if line_only {
            start + at
        } else {
            self.text.len()
        };
        self.found.unclosed.push(Unclosed {
            what: "string",
            closer,
            range: start..end,
        });
        self.at = end;
        self.open.clear();
        line_only.then_some(())
    }

    fn report(&mut self, open: &Open) {
        let (what, closer) = match open.is_table {
            true => ("inline table", "}"),
            false => ("array", "]"),
        };
        self.found.unclosed.push(Unclosed {
            what,
            closer,
            range: open.start..self.text.len(),
        });
    }

    fn mark_value(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.has_value_here = true;
        }
    }

    fn end_line(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.has_earlier_line |= open.has_value_here;
            open.has_value_here = false;
        }
    }

    /// To the end of the line, which is a token of its own.
    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    fn begins_line(&self, at: usize) -> bool {
        let before = &self.text[..at];
        let line = before
            .rfind('\n')
            .map_or(before, |newline| &before[newline..]);
        line.trim().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not closed, each as its first line.
    fn found(text: &str) -> Vec<&str> {
        let unclosed = outline(text).unclosed.into_iter();
        let begin = unclosed.map(|it| text[it.range.start..].lines().next().unwrap());
        begin.collect()
    }

    #[test]
    fn what_has_no_end_is_found_where_it_begins() {
        for (text, begin) in [
            ("a = [\"b\"\nc = 1\n", &["[\"b\""][..]),
            ("a = [\"b\",\n", &["[\"b\","]),
            ("a = [[1, 2]\nc = [3]\n", &["[[1, 2]"]),
            ("a = [\n  'b',\n  'c'\n[d]\ne = 1\n", &["["]),
            ("a = ['b'\n[[d]]\ne = 1\n", &["['b'"]),
            ("a = [{ b = 1 ]\nc = 2\n", &["{ b = 1 ]"]),
            ("a = [1}\nc = 2\n", &["[1}"]),
            ("a = { b = 1\nc = [2]\n", &["{ b = 1"]),
            ("a = { b = { c = 1 }\nd = 2\n", &["{ b = { c = 1 }"]),
            ("a = 'b\nc = \"d # e\nf = 1\n", &["'b", "\"d # e"]),
            ("a = \"b\\\"\n", &["\"b\\\""]),
            ("a = ['b, 1]\nc = 'd'\n", &["'b, 1]"]),
            ("a = \"\"\"b\nc = 'd\n", &["\"\"\"b"]),
            ("a = '''b\nc = 'd\n", &["'''b"]),
        ] {
            assert_eq!(found(text), begin, "{text}");
        }
    }

    #[test]
    fn what_has_an_end_is_not_found() {
        for text in [
            "",
            "a = [\n  'b', # ]\n  \"c]\",\n]\n[d]\ne = { f = 1, g = 2 }\n",
            "a = {\n  b = 1,\n  c = [2, 3],\n}\n[[d.\"e]\"]]\nf = 1\n",
            "a = \"\"\"b\n[c\n\"\"\"\nd = '''e\n{ f\n'''\n",
            "a = \"b\\\\\"\n'c d' = \"\"\n",
            // Wrong in another way.
            "a = [\n b = 1,\n c = 2\n]\n",
            "a = [1]]\n",
            "a = { b = 1 c = 2 }\n",
            "[a\nb = 1\n",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn values_in_brackets_are_ranges() {
        let text = "a = [1, [2]]\nb = { c = [3] }\n[d]\n";
        let values = outline(text).values.into_iter();
        let values: Vec<_> = values.map(|range| &text[range]).collect();
        assert_eq!(values, ["[1, [2]]", "{ c = [3] }"]);
    }
}
