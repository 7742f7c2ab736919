#!/usr/bin/env bash
# clap_complete 4.6.11 (crates.io), in bash.
#
# Expected: the script that `generate(Bash, …)` writes completes subcommands at every level, whatever
# the program is called: `my-tool remote ad<Tab>` becomes `my-tool remote add`.
#
# Happens: for a program with a dash in its name nothing below the first level is completed, neither
# subcommands nor options. The script keeps the command found so far as `my__tool__subcmd__remote`, and
# its `case` has `my__subcmd__tool__subcmd__remote)`: the dash of the name is written in two ways. A
# program without a dash is completed, and so is the first level of any.
#
# Seen (what is offered for the word at the cursor):
#     mytool r|               remote
#     mytool remote a|        add
#     mytool remote --f|      --force
#     my-tool r|              remote
#     my-tool remote a|       (nothing)
#     my-tool remote --f|     (nothing)
#
# Why it matters: the script passes `bash -n`, names every flag, and completes the first word, which is
# what tests of such scripts look at. With `-o default` as written, bash then offers the files of the
# directory, so that it looks like a completion.
#
# What to do: replace the name with `__subcmd__` in it by the one with `__` in the generated text, and test
# a completion of the second level in a shell.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CARGO_TARGET_DIR RUSTC_WORKSPACE_WRAPPER "${!CARGO_MANIFEST_@}" "${!CARGO_PKG_@}"

# --- the packages ------------------------------------------------------------
mkdir -p "$work/src"
cat > "$work/Cargo.toml" <<'T'
[package]
name = "probe"
version = "1.0.0"
edition = "2021"
[dependencies]
clap = { version = "=4.6.7", default-features = false, features = ["std"] }
clap_complete = "=4.6.11"
T
cat > "$work/src/main.rs" <<'R'
use clap::{Arg, ArgAction, Command};

/// Prints the script for a program of that name.
fn main() {
    let name: &'static str = std::env::args().nth(1).unwrap().leak();
    let force = Arg::new("force").long("force").action(ArgAction::SetTrue);
    let remote = Command::new("remote").arg(force).subcommand(Command::new("add"));
    let mut program = Command::new(name).subcommand(remote);
    clap_complete::generate(clap_complete::Shell::Bash, &mut program, name, &mut std::io::stdout());
}
R
cd "$work"
cargo build --quiet
grep -A1 '^name = "clap' Cargo.lock | grep -v '^--' | paste - -

# --- the probe ---------------------------------------------------------------
# What is offered for the last word behind a program.
offered() {
    local name=$1 words="$*" script
    script=$(target/debug/probe "$name")
    bash --norc -c "$script"'
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "_${1//-/__}" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%-24s" "${*}|"
        echo "${COMPREPLY[@]:-(nothing)}"' bash $words
}
for name in mytool my-tool; do
    offered "$name" r
    offered "$name" remote a
    offered "$name" remote --f
done | tee seen

diff seen - <<'T'
mytool r|               remote
mytool remote a|        add
mytool remote --f|      --force
my-tool r|              remote
my-tool remote a|       (nothing)
my-tool remote --f|     (nothing)
T
