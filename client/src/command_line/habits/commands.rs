//! Words that are commands elsewhere.

use super::habit::{Habit, PROGRESS, RECURSIVE, RESUMES, command};

const READ_ONLY: &str = "this service is read-only";
const SERVER: &str = "use --server HOST:PORT when you start netsocket";
const COPY: &str = "get FILE downloads a file, get -r DIR a directory";
const BINARY: &str = "every file is sent as it is";

pub(super) static TABLE: &[Habit] = &[
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
    command(&["copy", "cp", "scp", "download", "fetch"], COPY),
    command(
        &["wget", "curl", "aria2c"],
        "get FILE downloads a file, get -r DIR a directory; both resume by themselves",
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
    command(&["locate", "search", "fd", "fdfind"], "use find"),
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
            "head", "tail", "wc", "zcat", "zless", "bat", "vi", "vim", "nano",
        ],
        "use less FILE, or cat FILE",
    ),
    command(
        &["grep", "egrep", "fgrep", "rg", "ag", "ack", "zgrep"],
        "contents are not searched; find GLOB finds names, cat FILE prints a file",
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
];
