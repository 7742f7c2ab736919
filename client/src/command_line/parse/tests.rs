//! Tests of parsing.

use netsocket_protocol::command::COMMANDS;
use netsocket_protocol::message::{Compression, EntryNames, Request};
use netsocket_protocol::query::{Query, Sort};
use netsocket_protocol::time_point::TimePoint;

use super::*;
use crate::command_line::command::Find;

fn invocation(line: &str) -> Result<Invocation, String> {
    Invocation::parse(&crate::command_line::shell_words::split(line.as_bytes()).unwrap())
        .map_err(|error| error.to_string())
}

fn parse(line: &str) -> Result<Command, String> {
    invocation(line).map(|invocation| invocation.command)
}

fn extensions(names: &[&str]) -> Request {
    let query = Query {
        extensions: names.iter().map(|name| (*name).into()).collect(),
        ..Query::default()
    };
    Request::archive(query)
}

#[test]
fn the_output_stands_behind_an_archive_command() {
    assert_eq!(
        parse("w24ft pdf txt -o 'my x.tar.gz'"),
        Ok(Command::Original {
            word: "w24ft",
            request: extensions(&["pdf", "txt"]),
            output: Some("my x.tar.gz".into()),
        })
    );
    assert_eq!(
        parse("w24ft pdf"),
        Ok(Command::Original {
            word: "w24ft",
            request: extensions(&["pdf"]),
            output: None
        })
    );
    assert!(
        parse("w24ft pdf -o")
            .unwrap_err()
            .starts_with("-o needs a file name")
    );
    assert!(
        parse("w24ft -o x")
            .unwrap_err()
            .contains("one to 3 extensions")
    );
}

#[test]
fn elsewhere_it_is_a_word_like_others() {
    assert!(matches!(
        parse("w24fn -o"),
        Ok(Command::Original { word: "w24fn", .. })
    ));
    assert_eq!(
        parse("dirlist -a -o x").unwrap_err(),
        "dirlist takes -a (by name) or -t (oldest first). Usage: dirlist -a | -t"
    );
}

#[test]
fn each_way_out_is_one() {
    for line in ["quitc", "quit", "exit", "bye"] {
        assert_eq!(parse(line), Ok(Command::Quit), "{line}");
    }
    assert_eq!(parse("help"), Ok(Command::Help(None)));
    let help = Ok(Command::Help(commands::find(b"get")));
    for line in ["help get", "get --help", "get x y --help"] {
        assert_eq!(parse(line), help, "{line}");
    }
    assert_eq!(
        parse("exit now").unwrap_err(),
        "exit takes no arguments. Usage: exit"
    );
    assert_eq!(
        parse("quitc now").unwrap_err(),
        "quitc takes no arguments. Usage: quitc"
    );
}

#[test]
fn the_archive_commands_are_those_of_the_protocol() {
    let arguments = |name: &str| match name {
        "dirlist" => "-a",
        "w24fz" => "1 2",
        "w24fdb" | "w24fda" => "2024-01-01",
        "quitc" => "",
        _ => "x",
    };
    let archives: Vec<&str> = COMMANDS
        .iter()
        .map(|usage| usage.name)
        .filter(|name| {
            let command = parse(&format!("{name} {}", arguments(name))).unwrap();
            matches!(
                command,
                Command::Original {
                    request: Request::Archive { .. },
                    ..
                }
            )
        })
        .collect();
    assert_eq!(archives, commands::ARCHIVE_COMMANDS);
}

#[test]
fn a_mistyped_command_suggests_the_nearest() {
    for (line, said) in [
        (
            "dirlst -a",
            "unknown command 'dirlst'; did you mean dirlist?",
        ),
        ("LS -l", "unknown command 'LS'; did you mean ls?"),
        ("GTE x", "unknown command 'GTE'; did you mean get?"),
        ("PUT x", "no command 'PUT': this service is read-only"),
        ("fidn x", "unknown command 'fidn'; did you mean find?"),
        (
            "wibble",
            "unknown command 'wibble'; help lists all commands",
        ),
        (
            "'ls -l'",
            "unknown command 'ls -l': without the quotes it is ls -l",
        ),
        ("", "no command given"),
    ] {
        assert_eq!(parse(line).unwrap_err(), said);
    }
}

#[test]
fn find_takes_the_options_of_the_protocol() {
    let line = "find '*.pdf' --larger 1M --born-after=2024-01-01 --below /docs --sort size --reverse -l --json";
    let Invocation {
        command,
        json,
        quiet,
    } = invocation(line).unwrap();
    let Command::Find(find) = command else {
        panic!("{command:?}");
    };
    assert!(json && !quiet && find.format.long && !find.format.null);
    assert_eq!(find.search.below.as_deref(), Some(&b"/docs"[..]));
    assert_eq!(
        (find.sort, find.reverse, find.limit),
        (Some(Sort::Size), true, None)
    );
    let query = Query {
        glob: Some("*.pdf".to_owned()),
        size_min: Some(1 << 20),
        born_from: "2024-01-01".parse().ok(),
        ..Query::default()
    };
    assert_eq!(find.search.query, query);
    let Ok(Command::Find(find)) = parse("find --limit 7 -- -odd") else {
        panic!("another command");
    };
    assert_eq!(
        (find.limit, find.search.places),
        (Some(7), vec![b"-odd".to_vec()])
    );
}

#[test]
fn find_is_typed_as_in_a_shell() {
    let Ok(Command::Find(find)) = parse("find documents -iname '*.PDF' -size +1M -type f -l")
    else {
        panic!("another command");
    };
    assert_eq!(find.search.places, [b"documents".to_vec()]);
    let query = find.search.query;
    assert_eq!(query.glob.as_deref(), Some("*.[pP][dD][fF]"));
    assert_eq!(query.size_min, Some((1 << 20) + 1));
    assert!(find.format.long);
    let Ok(Command::Archive(archive)) = parse("archive . -name '*.pdf' -o x.tar") else {
        panic!("another command");
    };
    assert_eq!(archive.search.query.glob.as_deref(), Some("*.pdf"));
    assert_eq!(archive.save.output, Some("x.tar".into()));
}

/// Whether there is anything at a place is not known yet.
#[test]
fn a_word_is_a_place_unless_it_is_said_where_to_look() {
    for (line, places, name) in [
        ("find documents", "documents", None),
        ("find a b/ ./c .", "a b/ ./c .", None),
        ("find a/*.pdf", "a/*.pdf", None),
        ("find a *.pdf", "a", Some("*.pdf")),
        ("find *.pdf", "", Some("*.pdf")),
        ("find -name a", "", Some("a")),
        ("find d* --name a", "d*", Some("a")),
        ("find a --below b", "", Some("a")),
        ("find -name a --below b", "", Some("a")),
    ] {
        let Ok(Command::Find(Find { search, .. })) = parse(line) else {
            panic!("{line}");
        };
        let Query {
            name: plain, glob, ..
        } = search.query;
        let plain = plain.map(|name| name.to_string());
        assert_eq!(search.places.join(&b' '), places.as_bytes(), "{line}");
        assert_eq!(plain.or(glob).as_deref(), name, "{line}");
    }
}

#[test]
fn a_time_may_be_as_stat_prints_it() {
    let exact: TimePoint = "2026-11-29T23:18:20.5+01:00".parse().unwrap();
    for line in [
        "find --modified-after '2026-11-29 23:18:20.5 +0100'",
        "find -newermt '2026-11-29 23:18:20.5 +0100'",
        "find -newermt 2026-11-29T23:18:20.5+0100",
    ] {
        let Ok(Command::Find(find)) = parse(line) else {
            panic!("{line}");
        };
        assert_eq!(find.search.query.modified_from, Some(exact), "{line}");
    }
}

#[test]
fn levels_are_numbers() {
    for (line, depth) in [("du", None), ("du -sh a", Some(0)), ("du -d1", Some(1))] {
        let Ok(Command::DiskUsage(du)) = parse(line) else {
            panic!("{line}");
        };
        assert_eq!(du.depth, depth, "{line}");
    }
    let Ok(Command::Tree(view)) = parse("tree -L 2 -d music") else {
        panic!("another command");
    };
    assert_eq!((view.depth, view.directories_only), (Some(2), true));
    assert_eq!(view.path.as_deref(), Some(&b"music"[..]));
}

#[test]
fn what_is_wrong_is_said_with_the_usage() {
    for (line, said) in [
        (
            "get -dash.txt",
            "get has no option -dash.txt (./-dash.txt if a file is meant). Usage: get",
        ),
        (
            "cat --dash.txt",
            "cat has no option --dash.txt (./--dash.txt if a file is meant). Usage: cat",
        ),
        (
            "lls -l --json",
            "lls has no JSON: leave out --json. Usage: lls",
        ),
        (
            "find --larger x",
            "'x' is not a size: a number of bytes, or with k, M, G, T (powers of 1024), such as 10k or 1.5M. Usage: find [DIR|FILE]... [NAME|GLOB] [OPTION]...",
        ),
        (
            "find -larger 10k",
            "find has no option -larger; did you mean --larger? Usage: find",
        ),
        (
            "find . -name x -larger 10k",
            "find has no option -larger; did you mean --larger? Usage: find",
        ),
        (
            "get x -force",
            "get has no option -force; did you mean --force? Usage: get",
        ),
        (
            "mget -c x",
            "mget has no option -c: get resumes by itself. Usage: mget",
        ),
        (
            "ls -lR",
            "ls has no option -R: use tree, or find. Usage: ls",
        ),
        // A word is no bundle of letters unless all are known.
        (
            "get -recursive x",
            "get has no option -recursive; did you mean --recursive? Usage",
        ),
        (
            "get -resume x",
            "get has no option -resume: get resumes by itself. Usage",
        ),
        ("get -pages x", "get has no option -pages. Usage"),
        ("get -j4 x", "get has no option -j: use -P N for several"),
        ("ls -xyz", "ls has no option -xyz. Usage"),
        ("ls -lahz", "ls has no option -z. Usage"),
        ("du -sxy", "du has no option -sxy. Usage"),
        (
            "get http://127.0.0.1:8081/a/",
            "http://127.0.0.1:8081/a/ is no path: for a file on a server, use netsocket --server 127.0.0.1:8081 get -r /a/. Usage",
        ),
        (
            "cat sftp://me@h/a.txt",
            "sftp://me@h/a.txt is no path: for a file on a server, use netsocket --server h:8081 cat /a.txt. Usage",
        ),
        (
            "archive pictures/ metrics/",
            "archive takes one directory, and one name or glob: make one archive of each",
        ),
        (
            "@ls",
            "unknown command '@ls': type ls, no line is shown anyway",
        ),
        (
            "find --lager 1M",
            "find has no option --lager; did you mean --larger? Usage: find",
        ),
        (
            "find . --below a",
            "a name or glob has no directories; --below DIR says where to look",
        ),
        (
            "find a/b --below c",
            "a name or glob is without directories; --below DIR says where to look",
        ),
        (
            "find ''",
            "find was given an empty word; . is the current directory",
        ),
        ("get -r ''", "get was given an empty word"),
        ("find --below ''", "--below needs a value, DIR"),
        ("get a -o ''", "-o needs a value, FILE|DIR"),
        (
            "find . -ctime -7",
            "-ctime is not possible here: only other times are told: use -mtime N",
        ),
        (
            "find --born-after yesterday",
            "'yesterday' is not a date or time: use YYYY-MM-DD or YYYY-MM-DDTHH:MM[:SS], in the server's time zone or with an offset such as Z or +02:00; or an age such as 30min, 2h, 7d or 2w",
        ),
        (
            "archive --modified-before 3M",
            "'3M' is not an age: months and years differ in length",
        ),
        ("du -d x", "-d takes a number of levels, not 'x'"),
        (
            "du --max-depth=-1",
            "--max-depth takes a number of levels, not '-1'",
        ),
        ("tree -L 0", "-L must be 1 or more"),
        ("tree --levels 0", "--levels must be 1 or more"),
        ("get a -o", "-o needs a value, FILE|DIR"),
        ("tree a b", "tree takes only one directory"),
        ("find *a *b", "find takes one name or glob. Usage: find"),
        ("stat", "stat needs a path. Usage: stat PATH..."),
        ("get", "get needs a path. Usage: get PATH..."),
        (
            "get a -P 0",
            "-P takes a number of downloads, 1 to 64, not '0'",
        ),
        (
            "get a --parallel 65",
            "--parallel takes a number of downloads, 1 to 64, not '65'",
        ),
        ("cd a b", "cd takes only one directory. Usage: cd [DIR]"),
        ("status now", "status takes no arguments. Usage: status"),
        ("dir --x", "dir has no option --x. Usage: dir [-lahtSr10]"),
        ("archive --sort size", "archive has no option --sort"),
        (
            "archive --format zip",
            "'zip' is not a format: gz, zst, tar",
        ),
        (
            "archive --level big",
            "--level takes a number, 1 or more, not 'big'",
        ),
        (
            "archive -x d --output f",
            "-x unpacks the archive, --output keeps it",
        ),
        ("archive -p", "-p works only with --extract"),
        ("completions", "completions exist for bash, zsh, fish"),
        (
            "help fnid",
            "there is no command 'fnid'; did you mean find? Usage",
        ),
        (
            "stat -h",
            "stat has no option -h; did you mean --help? Usage",
        ),
        ("help wibble", "there is no command 'wibble'. Usage"),
        (
            "help put",
            "there is no command 'put': this service is read-only. Usage",
        ),
        (
            "find docs --output x",
            "find has no option --output: a shell's > FILE saves what is printed. Usage",
        ),
        ("tree -o x", "tree has no option -o: a shell's > FILE saves"),
        ("du --output=x", "du has no option --output: a shell's >"),
        (
            "cat a --output b",
            "cat has no option --output: get FILE -o saves it.",
        ),
        (
            "ls --version",
            "ls has no option --version: it stands alone, behind netsocket. Usage",
        ),
        // With JSON before them they are refused as well.
        ("man --json", "man has no option --json. Usage"),
        (
            "completions zsh --json",
            "completions has no option --json. Usage",
        ),
        (
            "archive --min-size 1M",
            "archive has no option --min-size: use --larger SIZE. Usage",
        ),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.starts_with(said), "{line}: {error}");
    }
}

#[test]
fn ls_sorts_as_ls_does() {
    for (line, sort, reverse) in [
        ("ls", Sort::Name, false),
        ("ls -r", Sort::Name, true),
        ("ls -lt", Sort::Modified, true),
        ("ls -ltr", Sort::Modified, false),
        ("ls -S", Sort::Size, true),
    ] {
        let Ok(Command::List(list)) = parse(line) else {
            panic!("{line}");
        };
        assert_eq!((list.sort, list.reverse), (sort, reverse), "{line}");
    }
}

#[test]
fn archive_and_get_say_how_their_files_come() {
    let Ok(Command::Archive(archive)) =
        parse("archive --ext pdf --extract out --force --no-resume --format zst --level 9")
    else {
        panic!("another command");
    };
    assert_eq!(archive.extract, Some("out".into()));
    assert_eq!(
        (archive.format, archive.level),
        (Some(Compression::Zstd), Some(9))
    );
    assert_eq!(archive.names, EntryNames::Path);
    assert!(archive.save.force && !archive.save.resume);
    let Ok(Command::Get(get)) = parse("get a b -o dir/ -P4") else {
        panic!("another command");
    };
    assert_eq!((get.paths.len(), get.parallel.get()), (2, 4));
    assert_eq!(get.save.output, Some("dir/".into()));
    assert!(get.save.resume && !get.save.force);
}

#[test]
fn local_paths_can_be_mapped() {
    let mut command = parse("archive -x '~/out'").unwrap();
    command.map_local(|path| PathBuf::from("/home").join(path.strip_prefix("~").unwrap()));
    let Command::Archive(archive) = command else {
        panic!("another command");
    };
    assert_eq!(archive.extract, Some("/home/out".into()));
}

#[test]
fn words_never_panic() {
    for command in commands::all() {
        for option in command.options() {
            for words in [
                vec![command.name, "--", option.long],
                vec![command.name, option.long, ""],
            ] {
                let words: Vec<Vec<u8>> =
                    words.iter().map(|word| word.as_bytes().to_vec()).collect();
                let _ = Invocation::parse(&words);
            }
            let long = format!("--{}", option.long).into_bytes();
            let _ = Invocation::parse(&[command.name.into(), long.clone()]);
            let _ = Invocation::parse(&[command.name.into(), long, b"\xff".to_vec()]);
        }
    }
}

#[test]
fn an_option_with_one_value_is_given_once() {
    for (line, said) in [
        ("get a -o b -o c", "-o given more than once."),
        ("get a -ob --output=b", "--output given more than once."),
        (
            "archive --format gz --format zst",
            "--format given more than once.",
        ),
        ("find --below a --below b", "--below given more than once."),
        (
            "find --larger 1k --larger 2k",
            "--larger given more than once.",
        ),
        ("tree -L 1 -L 2", "-L given more than once."),
        ("w24ft pdf -o a -o b", "-o given more than once"),
        (
            "find --larger 2k --smaller 1k",
            "no file is --larger=2k --smaller=1k: the size 2048",
        ),
    ] {
        let error = parse(line).unwrap_err().to_string();
        assert!(error.starts_with(said), "{line}: {error}");
    }
    for line in [
        "find --ext a --ext b",
        "ls -l -l",
        "find -size +1k -size -3k",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
}
