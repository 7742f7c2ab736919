//! Options that commands have elsewhere.

use super::habit::{EITHER, Habit, LOG, PROGRESS, RESUMES, TRUST, any_option, option};

const FIND: &str = "find -l lists files at any depth with size and time";

pub(super) static TABLE: &[Habit] = &[
    option(
        "get",
        &["-c", "--append", "--continue", "--resume"],
        RESUMES,
    ),
    option("get", &["-d", "--recurse"], "use -r"),
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
    option("get", &["-z", "--compress"], "archive sends compressed"),
    option(
        "get",
        &["-C", "--continue-at"],
        "get resumes by itself; archive sends compressed",
    ),
    option(
        "get",
        &[
            "-N",
            "-u",
            "--timestamping",
            "--update",
            "--no-clobber",
            "--ignore-existing",
            "--size-only",
        ],
        "a file that is there already is kept; --force overwrites it",
    ),
    option(
        "get",
        &["-J", "--remote-name", "--remote-header-name"],
        "get PATH saves a file under its own name",
    ),
    option(
        "get",
        &["-t", "--tries", "--retry", "--continue-on-error"],
        "get tries again by itself",
    ),
    option(
        "get",
        &["--include", "--exclude"],
        "use a pattern, or archive with conditions",
    ),
    option("ls", &["-R", "--recursive"], "use tree, or find"),
    option("ls", &["--sort"], "use -S for size, -t for time"),
    option(
        "ls",
        &["-c", "-u", "--time-style", "--full-time"],
        "use -t to sort by modification; stat PATH shows full times",
    ),
    option(
        "ls",
        &["-Q", "-b", "--quote-name", "--escape"],
        "a terminal shows odd names escaped; use -0 or --json for programs",
    ),
    option("ls", &["-i", "--inode", "-Z"], "use -l, or stat PATH"),
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
        &["-F", "-p", "--classify", "--group-directories-first"],
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
        &["-f", "-U", "-v"],
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
    option("cat", &["-o", "--output"], "get FILE -o saves it"),
    option("less", &["-o", "--output"], "get FILE -o saves it"),
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
        &["-g", "--glob", "--include"],
        "a name or pattern needs no option",
    ),
    option(
        "find",
        &["-i", "--ignore-case", "--iglob"],
        "use -iname NAME|GLOB for names in any case",
    ),
    option(
        "find",
        &["-u", "-I", "--no-ignore", "--unrestricted"],
        "nothing is ignored; --hidden finds hidden files",
    ),
    option(
        "find",
        &["-x", "-X", "--exec"],
        "get and archive take patterns as well",
    ),
    option(
        "find",
        &["-p", "--full-path"],
        "use --below DIR to say where to look",
    ),
    option(
        "find",
        &["-n", "-m", "--max-results", "--max-count"],
        "use --limit N",
    ),
    option(
        "find",
        &["-S", "--bigger"],
        "use --larger SIZE or --smaller SIZE",
    ),
    option("find", &["--files"], "find lists files anyway"),
    option(
        "find",
        &["-c", "--color", "--colour"],
        "a terminal shows colours",
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
        &["-L", "-P", "--follow"],
        "there is one tree, and no links are followed",
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
        &[
            "--max-age",
            "--since",
            "--newer",
            "--after",
            "--mtime",
            "--changed-within",
            "--change-newer-than",
            "--changed-after",
        ],
        "use --modified-after WHEN, such as 7d",
    ),
    option(
        "find",
        &[
            "--min-age",
            "--until",
            "--older",
            "--before",
            "--changed-before",
            "--change-older-than",
        ],
        "use --modified-before WHEN, such as 7d",
    ),
    option(
        "find",
        &["--max-depth", "--maxdepth", "--depth"],
        "tree -L N shows the first levels",
    ),
    option(
        "find",
        &["-E", "-v", "--exclude", "--invert-match"],
        "all conditions must match; none excludes",
    ),
    any_option(&["-v", "--verbose", "--debug"], LOG),
    any_option(&["-s", "--silent"], "use --quiet"),
    any_option(
        &["-o", "--output"],
        "a shell's > FILE saves what is printed",
    ),
    any_option(
        &["--check-config", "--version"],
        "it stands alone, behind netsocket",
    ),
    any_option(&["-k", "--insecure", "--no-check-certificate"], TRUST),
    any_option(
        &["-r", "-R", "--recursive"],
        "get -r DIR takes directories; find, du and tree look at all levels",
    ),
    option("lmkdir", &["-p"], "use !mkdir -p DIR"),
];
