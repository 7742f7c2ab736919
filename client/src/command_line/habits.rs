//! What people type who know sftp, lftp, ftp, scp or rclone, and what to use here instead.
//!
//! Owns: the table of such words. Does not own: mistyped words ([`netsocket_settings::nearest`]), nor find(1)
//! ([`crate::command_line::posix_find`]).

/// Where a word is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As a command.
    Command,
    /// As an option of this command.
    OptionOf(&'static str),
    /// As a flag of the program, before the command.
    Flag,
}

/// Words that do not exist here, and what to use instead.
struct Habit {
    place: Place,
    words: &'static [&'static str],
    instead: &'static str,
}

const fn command(words: &'static [&'static str], instead: &'static str) -> Habit {
    Habit {
        place: Place::Command,
        words,
        instead,
    }
}

const fn option(of: &'static str, words: &'static [&'static str], instead: &'static str) -> Habit {
    Habit {
        place: Place::OptionOf(of),
        words,
        instead,
    }
}

const fn flag(words: &'static [&'static str], instead: &'static str) -> Habit {
    Habit {
        place: Place::Flag,
        words,
        instead,
    }
}

const READ_ONLY: &str = "this service is read-only";
const RESUMES: &str = "get resumes by itself";
const SERVER: &str = "use --server HOST:PORT when you start netsocket";
const RECURSIVE: &str = "get -r DIR downloads a directory";
const COPY: &str = "get FILE downloads a file, get -r DIR a directory";
const PROGRESS: &str = "a terminal shows the progress by itself; --quiet hides it";
const BINARY: &str = "every file is sent as it is";
/// For what is an operator of find(1).
pub(crate) const EITHER: &str = "all conditions must match; {a,b} in a pattern matches either";
const FIND: &str = "find -l lists files at any depth with size and time";

static HABITS: &[Habit] = &[
    command(
        &[
            "put", "mput", "reput", "send", "append", "upload", "copyto", "rm", "del", "delete",
            "mdelete", "mkdir", "rmdir", "rename", "mv", "move", "ln", "symlink", "link", "touch",
            "chmod", "chown", "chgrp", "edit",
        ],
        READ_ONLY,
    ),
    command(&["reget"], RESUMES),
    command(&["pget"], "use get; get -P N fetches N files at once"),
    command(&["mirror", "sync", "rsync"], RECURSIVE),
    command(
        &["copy", "cp", "scp", "download", "fetch", "wget", "curl"],
        COPY,
    ),
    command(&["open", "connect", "user", "login", "lcon"], SERVER),
    command(&["close", "disconnect", "logout", "logoff"], "use quit"),
    command(&["progress"], PROGRESS),
    command(
        &["version", "ver"],
        "netsocket --version tells the client's, status the server's",
    ),
    command(
        &["df", "quota"],
        "free space is not told; du adds up what is there",
    ),
    command(&["ncdu"], "use du or tree"),
    command(
        &["nlist", "nls", "lsf"],
        "use ls -1, or find for all files below",
    ),
    command(&["mls", "mdir", "rels", "recls", "lsd", "vdir"], "use ls"),
    command(
        &["ll", "la", "lsl"],
        "use ls -l, or find -l for all files below",
    ),
    command(&["chdir"], "use cd"),
    command(&["cdup", ".."], "use cd .."),
    command(&["info", "size", "file", "modtime"], "use stat"),
    command(&["locate", "search"], "use find"),
    command(
        &[
            "hashsum",
            "md5sum",
            "sha1sum",
            "sha256sum",
            "b3sum",
            "checksum",
            "check",
            "cmp",
        ],
        "get --json tells the BLAKE3 of what it saves",
    ),
    command(&["zip", "tar", "gzip", "compress"], "use archive"),
    command(
        &[
            "ascii", "binary", "bin", "image", "type", "mode", "passive", "epsv", "cr", "bell",
            "hash",
        ],
        BINARY,
    ),
    command(
        &["prompt", "interactive"],
        "get asks only about a file that is there already; --force overwrites it",
    ),
    command(
        &[
            "head", "tail", "grep", "wc", "zcat", "zless", "bat", "vi", "vim", "nano",
        ],
        "use less FILE, or cat FILE",
    ),
    command(
        &["lcat", "lless", "lrm", "lmv", "lcp", "lrmdir"],
        "use !COMMAND for this machine",
    ),
    command(
        &["lumask", "umask"],
        "!umask shows it; set it before you start netsocket",
    ),
    command(&["netsocket"], "leave out the word netsocket"),
    command(&["history"], "use Up and Ctrl-R"),
    command(&["clear", "cls"], "use Ctrl-L"),
    command(
        &["set", "config"],
        "settings are in a file: netsocket --check-config checks them",
    ),
    command(
        &["source", "batch", "exec"],
        "netsocket < FILE runs the commands of a file",
    ),
    option(
        "get",
        &["-a", "-c", "--append", "--continue", "--resume"],
        RESUMES,
    ),
    option("get", &["-R", "-d", "--recurse"], "use -r"),
    option(
        "get",
        &["--times", "--preserve-permissions"],
        "use -p, which keeps times and permissions",
    ),
    option("get", &["-O", "--output-document"], "use -o FILE"),
    option(
        "get",
        &["-n", "-j", "--jobs", "--transfers"],
        "use -P N for several files at once",
    ),
    option("get", &["-v", "--verbose", "--progress"], PROGRESS),
    option(
        "get",
        &["-l", "--limit-rate", "--bwlimit"],
        "the rate cannot be limited",
    ),
    option(
        "get",
        &["-z", "-C", "--compress"],
        "archive sends compressed",
    ),
    option(
        "get",
        &["--include", "--exclude"],
        "use a pattern, or archive with conditions",
    ),
    option("ls", &["-R", "--recursive"], "use tree, or find"),
    option(
        "ls",
        &["-n", "-g", "-o", "-G"],
        "use -l; owners are not told",
    ),
    option("ls", &["-A", "--almost-all"], "use -a"),
    option(
        "ls",
        &["-d", "--directory"],
        "stat PATH shows a directory itself",
    ),
    option(
        "ls",
        &["-F", "-p", "--classify"],
        "directories end with a slash anyway",
    ),
    option("ls", &["-s", "-k"], "use -l"),
    option(
        "ls",
        &["-C", "-x", "--color", "--colour"],
        "a terminal shows columns and colours",
    ),
    option(
        "ls",
        &["-f", "-U"],
        "names are sorted; -t and -S sort otherwise",
    ),
    option(
        "ls",
        &["-X"],
        "find --ext EXT lists the files with an extension",
    ),
    option("tree", &["-a", "--all"], "find --hidden lists hidden files"),
    option("tree", &["-f", "-s", "-h", "-D"], FIND),
    option("tree", &["-P", "-I"], "find GLOB lists what matches"),
    option("du", &["-a", "--all"], FIND),
    option("du", &["-c", "--total"], "du -s DIR prints the sum"),
    option(
        "du",
        &["-b", "-k", "-m", "--bytes"],
        "--json tells the bytes",
    ),
    option("stat", &["-c", "-f", "-t", "--format"], "use --json"),
    option(
        "cat",
        &["-n", "-A", "-v", "-b", "-e", "-s"],
        "files are printed as they are",
    ),
    option(
        "less",
        &["-N", "-R", "-S", "-n", "-r", "-i"],
        "set PAGER='less -N'",
    ),
    option(
        "archive",
        &["-r", "-R", "--recursive"],
        "an archive has all files below anyway",
    ),
    option(
        "archive",
        &["-z", "-j", "-J", "-c"],
        "the name in -o, or --format, decides",
    ),
    option("archive", &["-C", "--directory"], "use --extract DIR"),
    option(
        "find",
        &["--iname", "--glob", "--include"],
        "a name or pattern needs no option",
    ),
    option("find", &["-e", "--extension"], "use --ext EXT"),
    option("find", &["-o"], EITHER),
    option("find", &["-H", "--all"], "use --hidden"),
    option(
        "find",
        &["-t", "-d", "--type"],
        "find finds files; tree -d shows directories",
    ),
    option(
        "find",
        &["-h", "-s"],
        "-l shows sizes with units; --sort KEY sorts",
    ),
    option(
        "find",
        &["-r", "-R", "--recursive"],
        "find looks at all levels anyway",
    ),
    option("find", &["--min-size", "--minsize"], "use --larger SIZE"),
    option("find", &["--max-size", "--maxsize"], "use --smaller SIZE"),
    option(
        "find",
        &["--max-age", "--since", "--newer", "--after", "--mtime"],
        "use --modified-after WHEN",
    ),
    option(
        "find",
        &["--min-age", "--until", "--older", "--before"],
        "use --modified-before WHEN",
    ),
    option(
        "find",
        &["--max-depth", "--maxdepth", "--depth"],
        "tree -L N shows the first levels",
    ),
    option(
        "find",
        &["--exclude"],
        "all conditions must match; none excludes",
    ),
    option("lmkdir", &["-p"], "use !mkdir -p DIR"),
    flag(
        &["-b", "-B", "--batch", "--batchfile"],
        "netsocket < FILE runs the commands of a file",
    ),
    flag(
        &["-e", "-c", "--command"],
        "netsocket COMMAND runs one command",
    ),
    flag(
        &[
            "-P",
            "-p",
            "-H",
            "--host",
            "--port",
            "--url",
            "--address",
            "--connect",
        ],
        "use --server HOST:PORT",
    ),
    flag(
        &["-u", "-i", "-l", "-U", "--user", "--password", "--token"],
        "use --token-file FILE",
    ),
    flag(
        &["-v", "--verbose", "-d", "--debug"],
        "NETSOCKET_LOG=debug tells more",
    ),
    flag(&["-r", "-R", "--recursive"], RECURSIVE),
    flag(&["-a", "--resume"], RESUMES),
    flag(&["-C", "--compress"], "archive sends compressed"),
    flag(&["-O"], "use -o FILE"),
    flag(&["-F", "-f", "--config-file"], "use --config FILE"),
    flag(&["--progress"], PROGRESS),
];

fn instead(place: Place, word: &str) -> Option<&'static str> {
    HABITS
        .iter()
        .find(|habit| habit.place == place && habit.words.contains(&word))
        .map(|habit| habit.instead)
}

/// What to use in place of a command.
pub(crate) fn for_command(word: &str) -> Option<&'static str> {
    instead(Place::Command, word)
}

/// What to use in place of an option of a command, typed with its dashes.
pub(crate) fn for_option(command: &'static str, word: &str) -> Option<&'static str> {
    let own = instead(Place::OptionOf(command), word);
    // Its conditions are those of `find`.
    let of_find = || match command {
        "archive" if word.starts_with("--") => instead(Place::OptionOf("find"), word),
        _ => None,
    };
    own.or_else(of_find)
}

/// What to use in place of a flag of the program, typed with its dashes.
pub(crate) fn for_flag(word: &str) -> Option<&'static str> {
    instead(Place::Flag, word)
}

/// The server that is meant where a command is expected: `sftp HOST` takes it there.
pub(crate) fn server(
    word: &str,
    next: Option<&str>,
    is_command: impl Fn(&str) -> bool,
) -> Option<String> {
    let address = word.split_once("://").map_or(word, |(_, address)| address);
    let address = address
        .rsplit_once('@')
        .map_or(address, |(_, address)| address);
    let has_port = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    });
    let is_host = has_port
        || address.len() < word.len()
        || address == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok()
        || (address.contains('.') && next.is_some_and(is_command));
    let (given, path) = match address.split_once('/') {
        Some((host, path)) => (host, path),
        None => (address, ""),
    };
    if !is_host || given.is_empty() || !path.is_empty() && address.len() == word.len() {
        return None;
    }
    Some(match has_port || given.contains(':') {
        true => format!("--server {given}"),
        false => format!("--server {given}:PORT"),
    })
}

#[cfg(test)]
mod tests;
