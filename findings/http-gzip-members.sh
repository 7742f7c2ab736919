#!/usr/bin/env bash
# httpx 0.28.1, aiohttp 3.14.5, requests 2.34.2, urllib3 2.8.0, niquests 3.21.2 and
# pycurl 7.49.0 with its libcurl 8.23.0 (PyPI).
#
# Expected: a gzip file may consist of several members, and its content is their contents in a row
# (RFC 1952, section 2.2). Logs that are rotated by appending, `cat a.gz b.gz` and bgzip make such
# files. A client that decodes `Content-Encoding: gzip` gives all of it.
#
# Happens: three answers to one valid body. Four clients give the whole text. httpx ends after the
# first member, in silence: status 200, no exception, no warning. libcurl refuses the body.
#
# Seen:
#     aiohttp 3.14.5     b'first second'
#     httpx 0.28.1       b'first '
#     niquests 3.21.2    b'first second'
#     pycurl 7.49.0      error 23 (libcurl 8.23.0)
#     requests 2.34.2    b'first second'
#     urllib3 2.8.0      b'first second'
#
# Why it matters: a server that hands out a stored .gz file as `Content-Encoding: gzip`, or that
# compresses a stream block by block, loses data at httpx users without a trace. A test with curl
# fails and one with requests passes, so neither shows it.
#
# What to do: a server makes one single member for `Content-Encoding: gzip`, however large the body.
# With httpx, ask for the raw bytes (`iter_raw`) and read them with gzip.GzipFile.
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
"$work/venv/bin/pip" install -q aiohttp==3.14.5 httpx==0.28.1 niquests==3.21.2 pycurl==7.49.0 requests==2.34.2 urllib3==2.8.0

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
import gzip

ANSWERS = {"/two": (b"Content-Encoding: gzip\r\n", gzip.compress(b"first ") + gzip.compress(b"second"))}
PY
"$work/venv/bin/python" "$work/server.py" "$work" > "$work/port" &
pids+=($!)
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done
url="http://127.0.0.1:$(cat "$work/port")"
export no_proxy=127.0.0.1

cat > "$work/clients.py" <<'PY'
import asyncio, sys
import aiohttp, httpx, niquests, pycurl, requests, urllib3
from importlib.metadata import version

describe = repr


def with_aiohttp(url):
    async def get():
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                return await answer.read()
    return asyncio.run(get())


def with_pycurl(url):
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.ACCEPT_ENCODING, "gzip")
    return handle.perform_rb()


CLIENTS = {
    "aiohttp": with_aiohttp,
    "httpx": lambda url: httpx.get(url).content,
    "niquests": lambda url: niquests.get(url).content,
    "pycurl": with_pycurl,
    "requests": lambda url: requests.get(url).content,
    "urllib3": lambda url: urllib3.request("GET", url).data,
}
print(pycurl.version.split()[1])
for name, get in CLIENTS.items():
    for path in ("/two",):
        try:
            seen = describe(get(sys.argv[1] + path))
        except pycurl.error as error:
            seen = f"error {error.args[0]}"
        print(name, version(name), path, seen)
PY

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" "$work/clients.py" "$url" > "$work/seen"
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
libcurl/8.23.0
aiohttp 3.14.5 /two b'first second'
httpx 0.28.1 /two b'first '
niquests 3.21.2 /two b'first second'
pycurl 7.49.0 /two error 23
requests 2.34.2 /two b'first second'
urllib3 2.8.0 /two b'first second'
SEEN
echo "as stated: httpx keeps the first gzip member only, libcurl refuses, four clients read all"
