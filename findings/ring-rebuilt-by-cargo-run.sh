#!/usr/bin/env bash
# ring 0.17.14 (crates.io), built by a cargo that another `cargo run` has started, as with an xtask.
#
# Expected: `cargo build` and `cargo run -p xtask`, whose program calls `cargo build`, build the same
# package with the same flags in the same target directory. After the first, the second has nothing
# to do, and the other way round.
#
# Happens: each of them builds ring again, its C and assembly included, and everything that depends
# on it (rustls, tokio-rustls, reqwest and their users). ring's build script tells cargo to run it
# anew whenever one of the variables CARGO_MANIFEST_DIR and CARGO_PKG_… differs. Cargo sets these
# for the program that it runs, the program hands them on to the inner cargo, and cargo compares
# the environment that it was started in, not the one that it gives to the build script.
#
# Seen (what was compiled):
#     cargo build                                            ring probe
#     cargo build, again                                     -
#     cargo run -p xtask (calls cargo build)                 ring probe
#     cargo build, after that                                ring probe
#     the same, with those variables removed in the xtask    - and -
#
# Why it matters: in a project with an xtask, whoever alternates between `cargo build` (or an editor
# that checks) and the xtask compiles TLS from nothing each time. It looks like a feature mismatch,
# and `cargo build -v` names only a variable that nobody has set.
#
# What to do: remove CARGO_MANIFEST_* and CARGO_PKG_* from the environment of a cargo that a program
# started by cargo runs; keep CARGO and CARGO_HOME.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CARGO_TARGET_DIR "${!CARGO_MANIFEST_@}" "${!CARGO_PKG_@}"

# --- the packages ------------------------------------------------------------
mkdir -p "$work"/{probe,xtask}/src
cat > "$work/Cargo.toml" <<'T'
[workspace]
members = ["probe", "xtask"]
resolver = "2"
T
cat > "$work/probe/Cargo.toml" <<'T'
[package]
name = "probe"
version = "1.0.0"
edition = "2021"
[dependencies]
ring = "=0.17.14"
T
echo 'pub use ring::digest::SHA256;' > "$work/probe/src/lib.rs"
cat > "$work/xtask/Cargo.toml" <<'T'
[package]
name = "xtask"
version = "1.0.0"
edition = "2021"
T
cat > "$work/xtask/src/main.rs" <<'R'
use std::process::Command;

/// Builds the probe; with the word `clean`, without what cargo told us about ourselves.
fn main() {
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("run by cargo"));
    cargo.args(["build", "-p", "probe"]);
    if std::env::args().any(|word| word == "clean") {
        for (name, _) in std::env::vars() {
            if name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_") {
                cargo.env_remove(name);
            }
        }
    }
    assert!(cargo.status().expect("cargo").success());
}
R
cd "$work"
cargo fetch --quiet
cargo build --quiet -p xtask

# --- the probe ---------------------------------------------------------------
# What a command compiled, the xtask apart.
compiled() {
    "$@" 2>&1 | sed -n 's/^ *Compiling \([a-z_-]*\) .*/\1/p' | grep -v xtask | grep -x 'ring\|probe' |
        sort -r | tr '\n' ' ' || true
}
{
    cargo --version
    echo "first: $(compiled cargo build -p probe)"
    echo "again: $(compiled cargo build -p probe)"
    echo "xtask: $(compiled cargo run -p xtask)"
    echo "after: $(compiled cargo build -p probe)"
    echo "clean: $(compiled cargo run -p xtask -- clean)"
    echo "after: $(compiled cargo build -p probe)"
} | tee seen

# --- what was seen, to the letter --------------------------------------------
cat > expected <<'T'
first: ring probe 
again: 
xtask: ring probe 
after: ring probe 
clean: 
after: 
T
tail -n +2 seen | diff expected -
echo "ring 0.17.14: as described"
