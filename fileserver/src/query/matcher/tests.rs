use netsocket_protocol::name::Name;
use proptest::prelude::*;

use super::*;

fn glob(text: &str) -> Matcher {
    let query = Query {
        glob: Some(text.to_owned()),
        ..Query::default()
    };
    Matcher::new(&query, false).unwrap()
}

#[test]
fn globs_match_whole_names() {
    for (text, matching, others) in [
        ("*", &["", "a", ".a"][..], &[][..]),
        ("*.txt", &["a.txt", ".txt"], &["a.txt.gz", "txt", "a.TXT"]),
        ("a*", &["a", "ab"], &["ba"]),
        ("*a*", &["a", "bab"], &["b"]),
        ("a?c", &["abc", "a.c"], &["ac", "abbc"]),
        ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
        ("[!a]x", &["bx"], &["ax"]),
        ("*.{jpg,png}", &["a.jpg", "b.png"], &["a.gif", "jpg"]),
        ("a\\*b", &["a*b"], &["aab"]),
        (
            "report*2024*.pdf",
            &["report-2024-01.pdf"],
            &["report.pdf", "report2024.txt"],
        ),
    ] {
        let matcher = glob(text);
        for name in matching {
            assert!(matcher.accepts_name(name.as_bytes()), "{text} {name}");
        }
        for name in others {
            assert!(!matcher.accepts_name(name.as_bytes()), "{text} {name}");
        }
    }
    assert!(glob("*\u{e4}*").accepts_name("x\u{e4}y".as_bytes()));
    assert!(glob("a*").accepts_name(b"a\xff"));
    assert!(glob("a??").accepts_name(b"a\xffb"));
}

#[test]
fn the_longest_plain_piece_of_a_glob_is_found() {
    for (text, literal) in [
        ("*-0123?5*.p[dn]?", "-0123"),
        ("[]abc]de", "de"),
        ("[!]abc]de", "de"),
        ("{abc,def}x", "x"),
        ("a\\*b*c", "a*b"),
        ("*{a,{bb,cc}d}ee*", "ee"),
        ("???", ""),
    ] {
        assert_eq!(longest_literal(text), literal.as_bytes(), "{text}");
    }
}

#[test]
fn what_is_no_condition_is_refused_in_words() {
    let refused = |query: Query| Matcher::new(&query, false).unwrap_err();
    for text in ["[a", "{a", "a/b", &"a".repeat(513), &"{a,b}".repeat(40)] {
        let query = Query {
            glob: Some(text.to_owned()),
            ..Query::default()
        };
        let error = refused(query);
        assert!(error.to_string().contains("is not a glob: "), "{error}");
    }
    for path in ["..", "a/../b", "/a", "a/", "a//b", "."] {
        let query = Query {
            below: Some(path.into()),
            ..Query::default()
        };
        assert!(
            matches!(refused(query), QueryError::BadRequest(_)),
            "{path}"
        );
    }
    let hidden = Query {
        hidden: true,
        ..Query::default()
    };
    assert!(matches!(refused(hidden.clone()), QueryError::Denied(_)));
    assert!(Matcher::new(&hidden, true).unwrap().hidden);
}

#[test]
fn a_hidden_place_means_nothing_unless_hidden_files_are_asked_for() {
    let mut query = Query {
        below: Some(Name::from("a/.b/c")),
        ..Query::default()
    };
    assert!(Matcher::new(&query, true).unwrap().matches_nothing);
    query.hidden = true;
    assert!(!Matcher::new(&query, true).unwrap().matches_nothing);
}

#[test]
fn the_largest_size_bounds_nothing() {
    let query = Query {
        size_max: Some(u64::MAX),
        ..Query::default()
    };
    assert!(Matcher::new(&query, false).unwrap().size.is_unbounded());
}

proptest! {
    #[test]
    fn the_short_ways_judge_as_the_long_one_does(text in r"[ab*?.{},\[\]!\\]{0,10}|\[[\]!]?[ab]\]?[ab\]*]{0,4}", name in r"[ab.\]!\\]{0,8}") {
        let query = Query { glob: Some(text), ..Query::default() };
        if let Ok(matcher) = Matcher::new(&query, false) {
            let glob = matcher.glob.as_ref().unwrap();
            let long = glob.matcher.is_match(&name);
            prop_assert_eq!(glob.matches(name.as_bytes()), long);
            let has_literal = memchr::memmem::find(name.as_bytes(), &glob.literal).is_some();
            prop_assert!(has_literal || !long, "{:?}", glob.literal);
        }
    }

    #[test]
    fn no_glob_panics(text in "\\PC{0,40}", name in proptest::collection::vec(any::<u8>(), 0..40)) {
        let query = Query { glob: Some(text), ..Query::default() };
        if let Ok(matcher) = Matcher::new(&query, false) {
            matcher.accepts_name(&name);
        }
    }
}
