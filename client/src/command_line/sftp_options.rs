//! `get` as it is typed for sftp: `-R` is `-r`, and `-a` asks to resume, which happens anyway.

use crate::command_line::options::OptionSpec;

/// The words of sftp in ours.
pub(crate) fn translated(specs: &[&'static OptionSpec], words: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let count = words.iter().take_while(|word| *word != b"--").count();
    let (options, operands) = words.split_at(count);
    let options = options.iter().filter_map(|word| match &word[..] {
        [b'-', letters @ ..] if !letters.is_empty() && letters[0] != b'-' => {
            let ours = letters_of(specs, letters);
            (!ours.is_empty()).then(|| [b"-", &ours[..]].concat())
        }
        _ => Some(word.clone()),
    });
    options.chain(operands.iter().cloned()).collect()
}

/// The letters of one word, up to one that has the rest for its value. A word with another one is left as it is.
fn letters_of(specs: &[&'static OptionSpec], letters: &[u8]) -> Vec<u8> {
    let mut ours = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        let mut specs = specs.iter();
        match (
            letter,
            specs.find(|it| it.short == Some(char::from(*letter))),
        ) {
            (b'R', _) => ours.push(b'r'),
            (b'a', _) => {}
            (letter, Some(spec)) if spec.value.is_none() => ours.push(*letter),
            (_, Some(_)) => {
                ours.extend(&letters[at..]);
                break;
            }
            (_, None) => return letters.to_vec(),
        }
    }
    ours
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::commands;

    #[test]
    fn only_flags_are_translated() {
        let specs: Vec<_> = commands::find(b"get").unwrap().options().collect();
        for (typed, ours) in [
            ("-R docs", "-r docs"),
            ("-a x", "x"),
            ("-aRp x", "-rp x"),
            ("-P 4 -fa x", "-P 4 -f x"),
            ("-oaR x", "-oaR x"),
            ("-append x", "-append x"),
            ("-Rx y", "-Rx y"),
            ("--recursive -- -a", "--recursive -- -a"),
            ("- -x", "- -x"),
        ] {
            let words: Vec<Vec<u8>> = typed
                .split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect();
            let words = translated(&specs, &words).join(&b' ');
            assert_eq!(String::from_utf8(words).unwrap(), ours, "{typed}");
        }
    }
}
