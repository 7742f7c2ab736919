//! A long text made piece by piece while it is sent, so that a large directory neither waits in memory as text nor keeps a
//! thread busy.

use bytes::Bytes;

use super::body::Content;

/// Bytes of a piece, about.
const PIECE: usize = 64 * 1024;

/// A text of a beginning, one part for each item, and an end.
struct Pieces<T, P> {
    text: String,
    items: std::vec::IntoIter<T>,
    put: P,
    end: Option<String>,
}

impl<T, P: FnMut(&mut String, T)> Iterator for Pieces<T, P> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut text = std::mem::take(&mut self.text);
        text.reserve(PIECE);
        while text.len() < PIECE {
            match self.items.next() {
                Some(item) => (self.put)(&mut text, item),
                None => {
                    text.push_str(&self.end.take().unwrap_or_default());
                    break;
                }
            }
        }
        (!text.is_empty()).then(|| Bytes::from(text))
    }
}

/// The text, and its length if it is short.
pub(super) fn text<T: Send + 'static>(
    begin: String,
    items: Vec<T>,
    put: impl FnMut(&mut String, T) + Send + 'static,
    end: String,
) -> (Content, Option<u64>) {
    let mut pieces = Pieces {
        text: begin,
        items: items.into_iter(),
        put,
        end: Some(end),
    };
    let first = pieces.next().unwrap_or_default();
    match pieces.next() {
        None => {
            let length = first.len() as u64;
            (Content::Bytes(first), Some(length))
        }
        Some(second) => {
            let pieces = [first, second].into_iter().chain(pieces);
            (Content::Pieces(Box::new(pieces)), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(items: usize) -> (String, usize, Option<u64>) {
        let items = (0..items).collect();
        let put = |text: &mut String, item: usize| text.push_str(&format!("{item:09}\n"));
        let (content, length) = text("begin\n".to_owned(), items, put, "end\n".to_owned());
        let pieces: Vec<Bytes> = match content {
            Content::Bytes(bytes) => vec![bytes],
            Content::Pieces(pieces) => pieces.collect(),
            _ => Vec::new(),
        };
        (
            String::from_utf8(pieces.concat()).unwrap(),
            pieces.len(),
            length,
        )
    }

    #[test]
    fn a_text_is_the_same_however_it_is_cut() {
        for items in [0, 1, 6_553, 6_554, 20_000] {
            let (text, pieces, length) = whole(items);
            assert_eq!(text.lines().count(), items + 2);
            assert!(text.starts_with("begin\n") && text.ends_with("\nend\n"));
            assert_eq!(length.is_some(), pieces == 1, "{items}");
            assert!(length.is_none_or(|length| length == text.len() as u64));
        }
    }
}
