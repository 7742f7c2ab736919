//! Tests of parsing arguments.

use proptest::prelude::*;

use super::*;

const LONG: OptionSpec = OptionSpec {
    long: "long",
    short: Some('l'),
    value: None,
    about: "",
};
const OUTPUT: OptionSpec = OptionSpec {
    long: "output",
    short: Some('o'),
    value: Some("FILE"),
    about: "",
};
const EXT: OptionSpec = OptionSpec {
    long: "ext",
    short: None,
    value: Some("EXT"),
    about: "",
};
const SPECS: [&OptionSpec; 3] = [&LONG, &OUTPUT, &EXT];

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

const FORCE: OptionSpec = OptionSpec {
    long: "force",
    short: Some('f'),
    value: None,
    about: "",
};

fn parse(line: &str) -> Result<ParsedOptions, OptionProblem> {
    super::parse(&SPECS, &words(line))
}

#[test]
fn options_values_and_operands_are_told_apart() {
    for line in [
        "-l a --output f b --ext e",
        "-lof a b --ext=e",
        "-lo f --ext e -- a b",
        "a --long b -o=f --ext e",
        "-l a b -of --ext e",
    ] {
        let parsed = parse(line).unwrap();
        assert!(parsed.has("long"), "{line}");
        assert_eq!(parsed.value("output"), Some(&b"f"[..]), "{line}");
        assert_eq!(parsed.operands, words("a b"), "{line}");
        assert_eq!(
            parsed.words(|name| name == "ext"),
            words("--ext=e"),
            "{line}"
        );
    }
    assert_eq!(parse("-").unwrap().operands, words("-"));
    for (line, value) in [("-o -", "-"), ("--output=-f", "-f"), ("-o-f", "-f")] {
        let parsed = parse(line).unwrap();
        assert_eq!(parsed.value("output"), Some(value.as_bytes()), "{line}");
    }
    assert_eq!(parse("-- -l --ext").unwrap().operands, words("-l --ext"));
}

#[test]
fn what_is_wrong_is_said() {
    let unknown = |option: &str, near| OptionProblem::Unknown {
        option: option.to_owned(),
        near,
    };
    let looks_like = |typed: &str, shown, value: &str, long: &str| {
        let [typed, value, long] = [typed, value, long].map(str::to_owned);
        OptionProblem::LooksLikeOption(typed, shown, value, long)
    };
    for (line, said) in [
        ("--lnog", unknown("--lnog", Some("long"))),
        ("--colour", unknown("--colour", None)),
        ("-z", unknown("-z", None)),
        (
            "-lz",
            OptionProblem::UnknownLetter {
                word: b"lz".to_vec(),
                at: 1,
            },
        ),
        ("--long=1", OptionProblem::NoValue("long")),
        (
            "--output",
            OptionProblem::NeedsValue("--output".to_owned(), "FILE"),
        ),
        ("-lo", OptionProblem::NeedsValue("-o".to_owned(), "FILE")),
        (
            "--ext=",
            OptionProblem::NeedsValue("--ext".to_owned(), "EXT"),
        ),
        ("--ext -l", looks_like("--ext", "EXT", "-l", "--ext")),
        ("--ext -", looks_like("--ext", "EXT", "-", "--ext")),
        ("a -lo -l", looks_like("-o", "FILE", "-l", "--output")),
        ("-o -- a", looks_like("-o", "FILE", "--", "--output")),
        (
            "-o a --output b",
            OptionProblem::Repeated("--output".to_owned()),
        ),
    ] {
        assert_eq!(parse(line).unwrap_err(), said, "{line}");
    }
}

#[test]
fn a_long_option_with_one_dash_is_no_file_name() {
    const WITH_FORCE: [&OptionSpec; 4] = [&LONG, &OUTPUT, &EXT, &FORCE];
    for (line, option, near) in [
        ("-ext pdf", "-ext", Some("ext")),
        ("-ext=pdf", "-ext", Some("ext")),
        ("-force", "-force", Some("force")),
        ("-output f", "-output", Some("output")),
        ("-utput f", "-utput", Some("output")),
        ("-lnog", "-lnog", Some("long")),
        ("-long", "-long", Some("long")),
        ("-e", "-e", None),
    ] {
        let refused = super::parse(&WITH_FORCE, &words(line)).unwrap_err();
        let expected = OptionProblem::Unknown {
            option: option.to_owned(),
            near,
        };
        assert_eq!(refused, expected, "{line}");
    }
    for (line, value) in [("-oforce", "force"), ("-lfoutput", "utput"), ("-ou", "u")] {
        let parsed = super::parse(&WITH_FORCE, &words(line)).unwrap();
        assert_eq!(parsed.value("output"), Some(value.as_bytes()), "{line}");
    }
}

proptest! {
    #[test]
    fn no_words_panic(words in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..8), 0..6)) {
        let _ = super::parse(&SPECS, &words);
    }
}
