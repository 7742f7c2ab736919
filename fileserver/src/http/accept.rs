//! Whether a client wants a page or JSON, by its `Accept` header.

use http::HeaderMap;
use http::header::ACCEPT;

/// How much a client wants a media type that it names; nothing if it does not name it.
fn named(headers: &HeaderMap, media: &str) -> Option<f32> {
    let values = headers.get_all(ACCEPT).into_iter();
    let items = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut items = items.filter_map(|item| {
        let mut words = item.split(';').map(str::trim);
        let is_it = words.next()?.eq_ignore_ascii_case(media);
        let quality = words.find_map(|word| word.strip_prefix("q=").or(word.strip_prefix("Q=")));
        let quality = quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
        is_it.then_some(quality)
    });
    items.next().filter(|quality| *quality > 0.0)
}

/// Whether the client names pages: only browsers do.
pub(super) fn names_pages(headers: &HeaderMap) -> bool {
    named(headers, "text/html").is_some()
}

/// Whether the client prefers JSON to a page. A client that takes anything gets a page.
pub(super) fn prefers_json(headers: &HeaderMap) -> bool {
    let lines = [
        "application/jsonl",
        "application/x-ndjson",
        "application/json",
    ];
    let json = lines
        .iter()
        .filter_map(|media| named(headers, media))
        .reduce(f32::max);
    json.is_some_and(|json| named(headers, "text/html").is_none_or(|page| json > page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_json_gets_it() {
        for (accept, json, page) in [
            ("*/*", false, false),
            ("application/json", true, false),
            ("application/json, text/plain, */*", true, false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false, true),
            ("text/html;q=0.5, application/json", true, true),
            ("text/html, application/json;q=0.9", false, true),
            ("application/json;q=0", false, false),
            ("application/json;q=nonsense", false, false),
        ] {
            let headers: HeaderMap = [(ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(prefers_json(&headers), json, "{accept}");
            assert_eq!(names_pages(&headers), page, "{accept}");
        }
        assert!(!prefers_json(&HeaderMap::new()) && !names_pages(&HeaderMap::new()));
    }
}
