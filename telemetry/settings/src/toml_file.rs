//! The values of a TOML file as the layers hold them.
//!
//! Does not own where the keys are ([`crate::places`]), nor what is said of a file that is not valid TOML
//! ([`crate::syntax`]).

use config::{Map, Value, ValueKind};
use toml::de::{DeInteger, DeTable, DeValue, Error};

/// Reads a file, once: it may have tens of thousands of values.
///
/// # Errors
/// All places where the text is not valid TOML.
pub(crate) fn parse(text: &str) -> Result<Map<String, Value>, Vec<Error>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(values(table.into_inner()))
}

fn values(table: DeTable<'_>) -> Map<String, Value> {
    let each = table.into_iter();
    each.map(|(name, found)| {
        let name = name.into_inner().into_owned();
        (name, value(found.into_inner()))
    })
    .collect()
}

fn value(found: DeValue<'_>) -> Value {
    let kind = match found {
        DeValue::String(text) => ValueKind::String(text.into_owned()),
        DeValue::Integer(integer) => whole_number(&integer),
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(number) => ValueKind::Float(number),
            Err(_) => ValueKind::String(float.to_string()),
        },
        DeValue::Boolean(value) => ValueKind::Boolean(value),
        DeValue::Datetime(time) => ValueKind::String(time.to_string()),
        DeValue::Array(elements) => {
            let elements = elements.into_iter().map(|it| value(it.into_inner()));
            ValueKind::Array(elements.collect())
        }
        DeValue::Table(table) => ValueKind::Table(values(table)),
    };
    Value::new(None, kind)
}

/// One that no type can hold stays a text, which every check of a number refuses.
fn whole_number(integer: &DeInteger<'_>) -> ValueKind {
    let (digits, radix) = (integer.as_str(), integer.radix());
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return ValueKind::I64(number);
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) => ValueKind::U64(number),
        Err(_) => ValueKind::String(integer.to_string()),
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
        let found = parse(&text).unwrap();
        let kind = |key: &str| found[key].kind.clone();
        assert_eq!(kind("a"), ValueKind::I64(255));
        assert_eq!(kind("b"), ValueKind::Float(1000.5));
        assert_eq!(kind("c"), ValueKind::Boolean(true));
        assert_eq!(kind("d"), ValueKind::String("1979-05-27".to_owned()));
        let inner = Map::from([("g".to_owned(), Value::from("y"))]);
        let outer = Map::from([("f".to_owned(), Value::from(inner))]);
        let list = vec![Value::from("x"), Value::from(outer)];
        assert_eq!(kind("e"), ValueKind::Array(list));
        assert_eq!(kind("h"), ValueKind::U64(u64::MAX));
        let huge = "99999999999999999999".to_owned();
        assert_eq!(kind("i"), ValueKind::String(huge));
        assert_eq!(kind("j"), ValueKind::Float(f64::NEG_INFINITY));
        assert_eq!(kind("k"), ValueKind::I64(7));
        assert_eq!(parse("a = \nb = [").unwrap_err().len(), 2);
    }
}
