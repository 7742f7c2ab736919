//! The values of a TOML file as a document.
//!
//! Does not own where the keys are ([`crate::places`]), nor what is said of a file that is not valid TOML
//! ([`crate::syntax`]).

use std::fmt::Write as _;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue, Error};

use crate::document::Document;
use crate::others::Others;

/// Reads a file, once: it may have tens of thousands of values. Those that are not texts are returned with their places.
///
/// # Errors
/// All places where the text is not valid TOML.
pub(crate) fn parse(text: &str) -> Result<(Document, Others), Vec<Error>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut reader = Reader::default();
    let values = reader.table(table.into_inner());
    Ok((values, reader.others))
}

#[derive(Default)]
struct Reader {
    /// The path of the key that is being read.
    path: String,
    others: Others,
}

impl Reader {
    fn table(&mut self, table: DeTable<'_>) -> Document {
        let end = self.path.len();
        let mut values = Document::new();
        for (name, found) in table {
            let name = name.into_inner().into_owned();
            if end > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            values.insert(name, self.value(found));
            self.path.truncate(end);
        }
        values
    }

    fn value(&mut self, found: Spanned<DeValue<'_>>) -> Value {
        let span = found.span();
        let (value, other) = match found.into_inner() {
            DeValue::String(text) => (Value::String(text.into_owned()), None),
            DeValue::Array(elements) => {
                let end = self.path.len();
                let is_other = |element: &Spanned<DeValue<'_>>| {
                    !(element.get_ref().is_str()
                        || element.get_ref().is_array()
                        || element.get_ref().is_table())
                };
                if elements.iter().any(is_other) {
                    self.others.add_list(self.path.clone(), elements.len());
                }
                let elements = elements.into_iter().enumerate().map(|(index, element)| {
                    // Writing to a string cannot fail.
                    let _ = write!(self.path, "[{index}]");
                    let element = self.value(element);
                    self.path.truncate(end);
                    element
                });
                (Value::Array(elements.collect()), None)
            }
            DeValue::Table(table) => (Value::Object(self.table(table)), None),
            DeValue::Integer(integer) => (whole_number(&integer), Some("a number")),
            DeValue::Float(float) => (number(float.as_str()), Some("a number")),
            DeValue::Boolean(value) => (Value::Bool(value), Some("true or false")),
            DeValue::Datetime(time) => (Value::String(time.to_string()), Some("a date")),
        };
        if let Some(kind) = other {
            self.others.add(self.path.clone(), span, kind);
        }
        value
    }
}

/// An infinity stays a text: a document has none.
fn number(text: &str) -> Value {
    let number = text.parse().ok().and_then(Number::from_f64);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// One that no type can hold stays a text, which every check of a number refuses.
fn whole_number(integer: &DeInteger<'_>) -> Value {
    let (digits, radix) = (integer.as_str(), integer.radix());
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return number.into();
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) => number.into(),
        Err(_) => Value::String(integer.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_are_written_as() {
        let text = "a = 0x_ff\nb = 1_000.5\nc = true\nd = 1979-05-27\ne = ['x', { f.g = 'y' }]\n\
                    h = 18446744073709551615\ni = 99999999999999999999\nj = -inf\nk = +7\n";
        let text = text.replace("0x_ff", "0xff");
        let (found, _) = parse(&text).unwrap();
        let expected = serde_json::json!({
            "a": 255, "b": 1000.5, "c": true, "d": "1979-05-27", "e": ["x", { "f": { "g": "y" } }],
            "h": u64::MAX, "i": "99999999999999999999", "j": "-inf", "k": 7,
        });
        assert_eq!(Value::Object(found), expected);
        assert_eq!(parse("a = \nb = [").unwrap_err().len(), 2);
    }

    #[test]
    fn values_that_are_no_texts_are_kept_with_their_places() {
        let text = "a = 0x1F\nb = ['c', 1_000]\n[d]\ne = true\nf = '7'\ng = 2026-01-02\n";
        let (_, mut others) = parse(text).unwrap();
        let expected = [
            ("a", "0x1F", "a number"),
            ("b[1]", "1_000", "a number"),
            ("d.e", "true", "true or false"),
            ("d.g", "2026-01-02", "a date"),
        ];
        for (key, written, kind) in expected {
            let other = others.get(key).unwrap();
            assert_eq!((&text[other.span.clone()], other.kind), (written, kind));
        }
        assert_eq!(others.get("d.f"), None);
        // All in a list are of one kind.
        others.want("b");
        others.want("d.f");
        let unwanted = others.unwanted().into_iter().map(|(key, _)| key);
        assert_eq!(unwanted.collect::<Vec<_>>(), ["a", "d.e", "d.g"]);
    }
}
