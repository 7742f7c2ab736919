#!/usr/bin/env bash
# warp 0.4.3 with headers 0.4.2 (crates.io): a date in If-Range, with curl as the client.
#
# Expected: with `If-Range: DATE`, a server sends a part only if DATE is exactly the Last-Modified of
# what it has now (RFC 9110, sections 13.1.5 and 8.8.2.2: "matches exactly"); otherwise it sends the
# whole, so that a client never joins parts of two versions.
#
# Happens: any date that is not before the file's counts as the same version. After a file was replaced
# by one with an older time (a backup restored by `cp -p` or rsync, a release rolled back), the
# Last-Modified that the client remembers is newer than that of the file, and the part is sent.
#
# Seen:
#     version 2, whole           200  Last-Modified: Wed, 15 Nov 2023 22:13:20 GMT
#     version 1 restored, part   206  joined: 2222211111
#
# Why it matters: a resumed download is half of each version, has the right length, and nobody notices.
# Everything that uses `headers::IfRange::is_modified` does this; nginx and Apache compare for equality.
#
# What to do: resume with the ETag where there is one, and verify a digest; in a server that uses the
# crate, compare the date yourself.
set -euo pipefail

work=$(mktemp -d)
server=
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$work"' EXIT

mkdir -p "$work/probe/src" "$work/files"
cat > "$work/probe/Cargo.toml" <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"

[dependencies]
warp = { version = "=0.4.3", features = ["server"] }
headers = "=0.4.2"
tokio = { version = "1", features = ["macros", "rt"] }

[workspace]
TOML
cat > "$work/probe/src/main.rs" <<'RUST'
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let dir = std::env::args().nth(1).expect("a directory");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    println!("{}", address.port());
    warp::serve(warp::fs::dir(dir)).run(address).await;
}
RUST
cargo build --quiet --manifest-path "$work/probe/Cargo.toml"

version() { # BYTE TIME: a version of the file
    printf "%0.s$1" 1 2 3 4 5 6 7 8 9 10 > "$work/files/f"
    touch --date="$2" "$work/files/f"
}
version 2 '2023-11-15 22:13:20 UTC'
"$work/probe/target/debug/probe" "$work/files" > "$work/port" &
server=$!
for _ in $(seq 100); do
    [ -s "$work/port" ] && curl -s -o /dev/null "http://127.0.0.1:$(cat "$work/port")/f" && break
    sleep 0.1
done
url="http://127.0.0.1:$(cat "$work/port")/f"

curl -s -D "$work/head" -o "$work/whole" "$url"
date=$(tr -d '\r' < "$work/head" | sed -n 's/^last-modified: //Ip')
echo "version 2, whole           $(sed -n '1s/[^ ]* \([0-9]*\).*/\1/p' "$work/head")  Last-Modified: $date"
head -c 5 "$work/whole" > "$work/joined"
version 1 '2023-11-14 22:13:20 UTC'
status=$(curl -s -H "Range: bytes=5-" -H "If-Range: $date" -o "$work/part" -w '%{http_code}' "$url")
cat "$work/part" >> "$work/joined"
echo "version 1 restored, part   $status  joined: $(cat "$work/joined")"

[ "$status" = 206 ] && [ "$(cat "$work/joined")" = 2222211111 ] || { echo "the behaviour has changed" >&2; exit 1; }
