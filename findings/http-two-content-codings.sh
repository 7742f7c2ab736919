#!/usr/bin/env bash
# aiohttp 3.14.5, httpx 0.28.1, niquests 3.21.2, requests 2.34.2, urllib3 2.8.0, pycurl 7.49.0 with
# libcurl 8.23.0 (PyPI); axios 1.21.1, got 14.6.6, needle 3.5.0, node-fetch 3.3.2, superagent 10.4.2,
# undici 6.29.1 (npm).
#
# Expected: `Content-Encoding` is a list (RFC 9110, section 8.4): `gzip, gzip` means compressed twice,
# and two header lines `gzip` mean the same as the list in one line (section 5.3).
#
# Happens: six clients hand out the body compressed, without an error. For aiohttp the two ways to
# write the same list even differ: with one line it decodes nothing, with two lines it decodes one
# layer and leaves the other. The other six decode both layers.
#
# Seen:                one line           two lines
#     aiohttp          both layers left   one layer left
#     axios, got, needle, node-fetch, superagent
#                      both layers left   both layers left
#     httpx, niquests, requests, urllib3, pycurl (libcurl), undici
#                      decoded            decoded
#
# Why it matters: this is what comes out when a server that serves a stored .gz file sits behind a
# proxy that compresses once more. Half of the clients then save something that is not the file,
# and a proxy that joins header lines changes what aiohttp makes of the same answer.
#
# What to do: a server or proxy does not compress an answer that already has a `Content-Encoding`.
# A client that has to read such answers is one of the last group or decodes by hand.
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
mkdir "$work/node"
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/node/package.json"
(cd "$work/node" && npm install --silent --ignore-scripts --no-audit --no-fund \
    axios@1.21.1 got@14.6.6 needle@3.5.0 node-fetch@3.3.2 superagent@10.4.2 undici@6.29.1)

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

TWICE = gzip.compress(gzip.compress(b"text", mtime=0), mtime=0)
ANSWERS = {
    "/one-line": (b"Content-Encoding: gzip, gzip\r\n", TWICE),
    "/two-lines": (b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", TWICE),
}
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

import gzip
ONCE = gzip.compress(b"text", mtime=0)


def describe(body):
    if body == b"text":
        return "decoded"
    if body == ONCE:
        return "one layer left"
    return "both layers left" if gzip.decompress(body) == ONCE else repr(body)


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
    for path in ("/one-line", "/two-lines"):
        try:
            seen = describe(get(sys.argv[1] + path))
        except pycurl.error as error:
            seen = f"error {error.args[0]}"
        print(name, version(name), path, seen)
PY
cat > "$work/node/clients.mjs" <<'JS'
import axios from 'axios';
import got from 'got';
import fetch from 'node-fetch';
import needle from 'needle';
import request from 'superagent';
import { fetch as undiciFetch } from 'undici';
import { readFileSync } from 'node:fs';

const collect = (response, done) => {
  const blocks = [];
  response.on('data', (block) => blocks.push(block));
  response.on('end', () => done(null, Buffer.concat(blocks)));
};
const clients = {
  'axios': async (url) => (await axios.get(url, { responseType: 'arraybuffer' })).data,
  'got': async (url) => (await got(url, { retry: { limit: 0 } })).rawBody,
  'needle': async (url) => (await needle('get', url, { compressed: true, parse: false })).body,
  'node-fetch': async (url) => (await fetch(url)).arrayBuffer(),
  'superagent': async (url) => (await request.get(url).buffer(true).parse(collect)).body,
  'undici': async (url) => (await undiciFetch(url)).arrayBuffer(),
};
import { gunzipSync } from 'node:zlib';
const describe = (body) => {
  let layers = 0;
  while (body[0] === 0x1f && body[1] === 0x8b) {
    body = gunzipSync(body);
    layers += 1;
  }
  if (body.toString() !== 'text') return 'else';
  return ['decoded', 'one layer left', 'both layers left'][layers];
};

for (const [name, get] of Object.entries(clients)) {
  const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url)));
  for (const path of ['/one-line', '/two-lines']) {
    console.log(`${name} ${version} ${path} ${describe(Buffer.from(await get(process.argv[2] + path)))}`);
  }
}
JS

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" "$work/clients.py" "$url" > "$work/seen"
node "$work/node/clients.mjs" "$url" >> "$work/seen"
cat "$work/seen"
diff "$work/seen" - <<'SEEN'
libcurl/8.23.0
aiohttp 3.14.5 /one-line both layers left
aiohttp 3.14.5 /two-lines one layer left
httpx 0.28.1 /one-line decoded
httpx 0.28.1 /two-lines decoded
niquests 3.21.2 /one-line decoded
niquests 3.21.2 /two-lines decoded
pycurl 7.49.0 /one-line decoded
pycurl 7.49.0 /two-lines decoded
requests 2.34.2 /one-line decoded
requests 2.34.2 /two-lines decoded
urllib3 2.8.0 /one-line decoded
urllib3 2.8.0 /two-lines decoded
axios 1.21.1 /one-line both layers left
axios 1.21.1 /two-lines both layers left
got 14.6.6 /one-line both layers left
got 14.6.6 /two-lines both layers left
needle 3.5.0 /one-line both layers left
needle 3.5.0 /two-lines both layers left
node-fetch 3.3.2 /one-line both layers left
node-fetch 3.3.2 /two-lines both layers left
superagent 10.4.2 /one-line both layers left
superagent 10.4.2 /two-lines both layers left
undici 6.29.1 /one-line decoded
undici 6.29.1 /two-lines decoded
SEEN
echo "as stated: six of twelve clients hand out a twice compressed body without an error"
