#!/usr/bin/env bash
# httpx 0.28.1 with zstandard 0.25.0, as `pip install httpx[zstd]` brings it (PyPI); urllib3 2.8.0
# with backports.zstd 1.8.0 for comparison.
#
# Expected: a body with `Content-Encoding: zstd` may consist of several frames, one after the other
# (RFC 8878, section 3.1). Whether a client reads it does not depend on how the bytes are cut into
# chunks or packets on their way.
#
# Happens: httpx reads two frames if the end of the first one lies inside a block that it receives,
# and raises DecodingError if a block ends exactly there. The body is the same, byte for byte.
#
# Seen:
#     httpx, body in one chunk:              b'first second'
#     httpx, cut inside the first frame:     b'first second'
#     httpx, cut between the frames:         DecodingError: cannot use a decompressobj multiple times
#     httpx, cut inside the second frame:    b'first second'
#     urllib3, all four:                     b'first second'
#
# Why it matters: a server that ends a frame with each flush - what a parallel or block-wise
# compressor does - cuts exactly there. Over a network with other segment sizes, or behind a proxy
# that joins chunks, the same download succeeds: it fails by chance, and never in a test that sends
# the body in one piece.
#
# What to do: a server keeps one frame a body and flushes blocks inside it (ZSTD_e_flush, not
# ZSTD_e_end). With httpx, take `iter_raw()` and give it to zstandard's stream_writer.
set -euo pipefail

work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'httpx[zstd]==0.28.1' zstandard==0.25.0 'urllib3[zstd]==2.8.0' backports.zstd==1.8.0

# --- a server on loopback that answers with prepared bytes -------------------
cat > "$work/server.py" <<'PY'
import socket, sys, threading

sys.path.insert(0, sys.argv[1])
from answers import ANSWERS


def serve(connection):
    with connection:
        request = b""
        while b"\r\n\r\n" not in request:
            block = connection.recv(65536)
            if not block:
                return
            request += block
        headers, *pieces = ANSWERS[request.split()[1].decode()]
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n" + headers + b"\r\n")
        for piece in pieces:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY
cat > "$work/answers.py" <<'PY'
import zstandard

first = zstandard.ZstdCompressor().compress(b"first ")
second = zstandard.ZstdCompressor().compress(b"second")
body, end = first + second, len(first)
HEADER = b"Content-Encoding: zstd\r\n"
ANSWERS = {
    "/one-chunk": (HEADER, body),
    "/cut-in-first": (HEADER, body[: end - 2], body[end - 2 :]),
    "/cut-between": (HEADER, body[:end], body[end:]),
    "/cut-in-second": (HEADER, body[: end + 2], body[end + 2 :]),
}
PY
"$work/venv/bin/python" "$work/server.py" "$work" > "$work/port" &
pids+=($!)
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
url="http://127.0.0.1:$(cat "$work/port")"
export no_proxy=127.0.0.1

cat > "$work/clients.py" <<'PY'
import sys
import httpx, urllib3
from importlib.metadata import version

CLIENTS = {
    "httpx": lambda url: httpx.get(url).content,
    "urllib3": lambda url: urllib3.request("GET", url).data,
}
print("zstandard", version("zstandard"))
for name, get in CLIENTS.items():
    for path in "/one-chunk", "/cut-in-first", "/cut-between", "/cut-in-second":
        try:
            seen = get(sys.argv[1] + path)
        except httpx.DecodingError as error:
            seen = f"DecodingError: {error}"
        print(name, version(name), path, seen)
PY

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" "$work/clients.py" "$url" > "$work/seen"
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
zstandard 0.25.0
httpx 0.28.1 /one-chunk b'first second'
httpx 0.28.1 /cut-in-first b'first second'
httpx 0.28.1 /cut-between DecodingError: cannot use a decompressobj multiple times
httpx 0.28.1 /cut-in-second b'first second'
urllib3 2.8.0 /one-chunk b'first second'
urllib3 2.8.0 /cut-in-first b'first second'
urllib3 2.8.0 /cut-between b'first second'
urllib3 2.8.0 /cut-in-second b'first second'
SEEN
echo "as stated: two zstd frames fail in httpx if a chunk ends between them"
