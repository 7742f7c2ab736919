//! Flags that programs have elsewhere, before a command.

use super::habit::{Habit, LOG, PROGRESS, RECURSIVE, RESUMES, TRUST, flag};

pub(super) static TABLE: &[Habit] = &[
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
    flag(&["-v", "--verbose", "-d", "--debug"], LOG),
    flag(&["-k", "--insecure", "--no-check-certificate"], TRUST),
    flag(&["-s"], "use --server HOST:PORT, or --quiet"),
    flag(&["-S", "--silent"], "use --quiet"),
    flag(&["-I", "--head"], "stat PATH shows size and time"),
    flag(&["-r", "-R", "--recursive"], RECURSIVE),
    flag(&["-a", "--resume"], RESUMES),
    flag(
        &["-C", "--continue-at"],
        "get resumes by itself; archive sends compressed",
    ),
    flag(&["-z", "--compress"], "archive sends compressed"),
    flag(&["-O"], "use -o FILE"),
    flag(&["-F", "-f", "--config-file"], "use --config FILE"),
    flag(&["--progress"], PROGRESS),
];
