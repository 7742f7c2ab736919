//! A JSON object that is taken apart: its texts stay where they are in the message, and nothing is sorted.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::bad::{BadKind, BadRecord, bad};
use crate::schema::{FIELDS, FieldType};

/// Backends or commands of one record: each is a series in the database.
pub(super) const MAX_LIST: usize = 1_000;

/// The value of a field, in the type that it keeps.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// A finite number.
    Float(f64),
    /// A count.
    Integer(u64),
    /// Words.
    Text(String),
}

/// An object. A name that stands there twice counts once, whichever of them.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

/// A value, as far as it can be part of a record.
enum Node<'a> {
    Null,
    Float(f64),
    Integer(u64),
    Negative(i64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Object<'a>),
    Boolean,
}

impl<'a> Object<'a> {
    /// The object that a message is.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, serde_json::Error> {
        // Checked once as a whole, so that no text in it need be.
        match str::from_utf8(message) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(message),
        }
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Node<'a>> {
        let mut entries = self.0.iter_mut();
        entries.find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// Text, or None where there is none or null.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, BadRecord> {
        match self.get_mut(name) {
            None | Some(Node::Null) => Ok(None),
            Some(Node::Text(text)) => Ok(Some(std::mem::take(text).into_owned())),
            Some(_) => Err(bad(BadKind::WrongType, format!("{name} is no text"))),
        }
    }

    /// Every field of a measurement that is there, in its type.
    pub(super) fn figures(
        &mut self,
        measurement: &str,
    ) -> Result<Vec<(&'static str, Figure)>, BadRecord> {
        let mut figures = Vec::with_capacity(self.0.len() + 2);
        // Producers send fields in the order of the table: most stand right behind the one before.
        let mut expected = 0;
        for spec in FIELDS.iter().filter(|spec| spec.measurement == measurement) {
            let is_it = |(key, _): &(Cow<'_, str>, Node<'_>)| key == spec.name;
            let (before, from) = self.0.split_at(expected.min(self.0.len()));
            let found = match from.iter().position(is_it) {
                Some(index) => Some(before.len() + index),
                None => before.iter().position(is_it),
            };
            let Some(index) = found else {
                continue;
            };
            expected = index + 1;
            let Some((_, node)) = self.0.get_mut(index) else {
                continue;
            };
            #[expect(
                clippy::cast_precision_loss,
                reason = "a float of InfluxDB has the precision of a double"
            )]
            let figure = match (spec.kind, node) {
                (_, Node::Null) => continue,
                (FieldType::Float, Node::Float(value)) => Figure::Float(*value),
                (FieldType::Float, Node::Integer(value)) => Figure::Float(*value as f64),
                (FieldType::Float, Node::Negative(value)) => Figure::Float(*value as f64),
                (FieldType::Integer, Node::Integer(value)) => Figure::Integer(*value),
                (FieldType::Text, Node::Text(text)) => {
                    Figure::Text(std::mem::take(text).into_owned())
                }
                _ => {
                    let kind = spec.kind.as_str();
                    let detail = format!("{} is no {kind}", spec.name);
                    return Err(bad(BadKind::WrongType, detail));
                }
            };
            figures.push((spec.name, figure));
        }
        Ok(figures)
    }

    /// The objects of a list; none where there is no list.
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Self>, BadRecord> {
        let entries = match self.get_mut(name) {
            None | Some(Node::Null) => return Ok(Vec::new()),
            Some(Node::List(entries)) => std::mem::take(entries),
            Some(_) => return Err(bad(BadKind::WrongType, format!("{name} is no list"))),
        };
        if entries.len() > MAX_LIST {
            let detail = format!("{} {name}", entries.len());
            return Err(bad(BadKind::TooLarge, detail));
        }
        let object = |entry| match entry {
            Node::Object(object) => Ok(object),
            _ => Err(bad(BadKind::WrongType, format!("{name} holds no object"))),
        };
        entries.into_iter().map(object).collect()
    }

    /// Fields that are neither in `envelope` nor among the `known` figures.
    pub(super) fn unknown(&self, envelope: &[&str], known: usize) -> usize {
        let mut expected = known;
        for (name, node) in &self.0 {
            let passed_over = envelope.contains(&&**name) || matches!(node, Node::Null);
            expected += usize::from(passed_over);
        }
        self.0.len().saturating_sub(expected)
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Boolean)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Float(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Integer(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Negative(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Node<'de>, A::Error> {
        Objects.visit_map(entries).map(Node::Object)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Objects)
    }
}

struct Objects;

impl<'de> Visitor<'de> for Objects {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object<'de>, A::Error> {
        let mut object = Vec::new();
        while let Some((name, node)) = entries.next_entry::<Name<'de>, Node<'de>>()? {
            object.push((name.0, node));
        }
        Ok(Object(object))
    }
}

/// A key: serde itself would copy it.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(Nodes)? {
            Node::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("a key is no text")),
        }
    }
}
