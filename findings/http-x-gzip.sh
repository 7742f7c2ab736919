#!/usr/bin/env bash
# aiohttp 3.14.5, httpx 0.28.1, niquests 3.21.2, requests 2.34.2, urllib3 2.8.0, pycurl 7.49.0 with
# libcurl 8.23.0 (PyPI); axios 1.21.1, got 14.6.6, needle 3.5.0, node-fetch 3.3.2, superagent 10.4.2,
# undici 6.29.1 (npm).
#
# Expected: RFC 9110, section 8.4.1.3, asks a recipient to take the content coding `x-gzip` as `gzip`,
# and web servers can be told to send it (Apache's `AddEncoding x-gzip .gz`). A client that decodes
# gzip decodes it.
#
# Happens: it divides the clients in two. Seven hand out the compressed bytes as the body, without
# an error; five decode it.
#
# Seen:
#     still compressed: aiohttp, httpx, niquests, requests, urllib3, got, superagent
#     decoded:          pycurl (libcurl), axios, needle, node-fetch, undici
#
# Why it matters: a download that is fine in curl is saved as gzip data under a name without .gz by
# a Python script. Checksums then differ by the tool that fetched the file.
#
# What to do: a server answers with `gzip`, never with `x-gzip`. A script looks at the header
# `Content-Encoding` of the answer: if it says x-gzip, it has to decode the body itself.
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

ANSWERS = {"/x-gzip": (b"Content-Encoding: x-gzip\r\n", gzip.compress(b"text"))}
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


def describe(body):
    return "decoded" if body == b"text" else "still compressed" if body[:2] == b"\x1f\x8b" else repr(body)


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
    for path in ("/x-gzip",):
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
const describe = (body) =>
  body.toString() === 'text' ? 'decoded' : body[0] === 0x1f && body[1] === 0x8b ? 'still compressed' : 'else';

for (const [name, get] of Object.entries(clients)) {
  const { version } = JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url)));
  for (const path of ['/x-gzip']) {
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
aiohttp 3.14.5 /x-gzip still compressed
httpx 0.28.1 /x-gzip still compressed
niquests 3.21.2 /x-gzip still compressed
pycurl 7.49.0 /x-gzip decoded
requests 2.34.2 /x-gzip still compressed
urllib3 2.8.0 /x-gzip still compressed
axios 1.21.1 /x-gzip decoded
got 14.6.6 /x-gzip still compressed
needle 3.5.0 /x-gzip decoded
node-fetch 3.3.2 /x-gzip decoded
superagent 10.4.2 /x-gzip still compressed
undici 6.29.1 /x-gzip decoded
SEEN
echo "as stated: seven clients leave x-gzip compressed, five decode it"
