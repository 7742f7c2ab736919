//! Warnings about single files and directories: what differs from what a reader expects, and what an answer lacks.

use serde::{Deserialize, Serialize};

use crate::name::Name;

/// A warning about one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The path below the root.
    pub path: Name,
    /// What happened.
    pub problem: Problem,
}

impl Warning {
    /// The warning about a directory that may not be read.
    #[must_use]
    pub fn of_directory(path: &[u8]) -> Self {
        Self {
            path: Name([path, b"/"].concat()),
            problem: Problem::Unreadable,
        }
    }
}

/// What can happen to a file in an archive, or to a plain one. `Unreadable` is also what a directory can be, whose path
/// then ends with a slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// It may not be read, so it is not in the archive; or reading failed, and the missing bytes are zeros.
    Unreadable,
    /// It was deleted after the archive was planned: its entry contains zeros.
    Vanished,
    /// It became shorter while it was read: its entry is filled with zeros.
    Shrank,
    /// It became longer while it was read: its entry is cut at the planned size.
    Grew,
    /// It was modified without a change of size: its entry may mix old and new content.
    Changed,
    /// Another file has the same base name: its entry has a number before the extension.
    Renamed,
}

/// The directories and files that an answer would be about if the server could read them. The path of a directory ends
/// with a slash: everything below it is missing.
///
/// # Examples
///
/// ```
/// use netsocket_protocol::warning::{Lacking, Warning};
///
/// let lacking = Lacking { warnings: vec![Warning::of_directory(b"locked")], unlisted: 0 };
/// let json = serde_json::to_value(&lacking)?;
/// let expected = serde_json::json!({ "warnings": [{ "path": "locked/", "problem": "unreadable" }] });
/// assert_eq!(json, expected);
/// assert!(!lacking.is_empty() && Lacking::default().is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lacking {
    /// Each directory or file, as in the trailer of an archive.
    pub warnings: Vec<Warning>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: u64,
}

/// The most bytes of JSON for one byte of a path: a control character becomes `\u0001`.
const JSON_GROWTH: usize = 6;

/// Bytes of JSON around the path of a warning, with a margin.
const JSON_AROUND: usize = 64;

impl Lacking {
    /// As many of the warnings, from the first on, as fit into `room` bytes of JSON; the others are counted.
    pub fn fitting(warnings: impl IntoIterator<Item = Warning>, mut room: usize) -> Self {
        let mut fitting = Self::default();
        for warning in warnings {
            let length = JSON_AROUND + JSON_GROWTH * warning.path.as_bytes().len();
            match room.checked_sub(length) {
                Some(left) if fitting.unlisted == 0 => {
                    room = left;
                    fitting.warnings.push(warning);
                }
                _ => fitting.unlisted += 1,
            }
        }
        fitting
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.warnings.is_empty() && self.unlisted == 0
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::frame::{Frame, FrameType};
    use crate::message::{ErrorReply, Message as _, Reply};

    fn frame(kind: FrameType, json: &'static str) -> Frame {
        let payload = Bytes::from_static(json.as_bytes());
        Frame { kind, payload }
    }

    #[test]
    fn an_answer_that_lacks_nothing_is_what_it_was_before_it_could_say_so() {
        let json = "{\"reply\":\"files\",\"files\":[],\"more\":false}";
        let reply = Reply::files(Vec::new(), false);
        assert_eq!(reply.to_frame().unwrap().payload, json);
        assert_eq!(
            Reply::from_frame(&frame(FrameType::Reply, json)).unwrap(),
            reply
        );
        let json = "{\"kind\":\"not_found\",\"message\":\"\"}";
        let error = ErrorReply::from_frame(&frame(FrameType::Error, json)).unwrap();
        assert!(error.lacking.is_empty());
        assert_eq!(error.to_frame().unwrap().payload, json);
    }
}
