#!/usr/bin/env bash
# turbo-downloader 1.3.1 (npm).
#
# Expected: if a connection ends in the middle of a chunk, the retry asks for the rest of the chunk
# and appends it. "Smart retry on fail" is a feature of the package.
#
# Happens: the retry asks for the right bytes, and writes them to the beginning of the chunk. The
# file has the right length, the promise resolves, and the chunk is wrong from its first byte on.
# A body without Content-Length gives an empty file, and the promise resolves, too.
#
# Seen, for a file of 1,000 bytes that counts in lines of ten, the first answer cut after 400:
#     GET bytes=0-999
#     GET bytes=400-999
#     cut once:             resolved, 1000 bytes, line 0 reads 000000040
#     no Content-Length:    resolved, 0 bytes
#
# Why it matters: one lost connection, which is what the retry is for, damages the file in silence.
#
# What to do: compare a digest after each download with this package, or take one that resumes by
# appending. A server of generated content that is read by it sends a length.
set -euo pipefail

work=$(mktemp -d)
server=
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$work"' EXIT

echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund turbo-downloader@1.3.1)

# --- a server that cuts its first answer, and one path without a length ------
cat > "$work/server.mjs" <<'JS'
import http from 'node:http';
const file = Buffer.from(Array.from({ length: 100 }, (_, n) => String(n).padStart(9, '0') + '\n').join(''));
let cut = false;
const server = http.createServer((request, response) => {
  if (request.url === '/no-length') {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    return response.end(request.method === 'HEAD' ? undefined : file);
  }
  const head = { 'Accept-Ranges': 'bytes', 'Content-Length': file.length };
  if (request.method === 'HEAD') return response.writeHead(200, head).end();
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range).map(Number);
  console.error(`GET bytes=${from}-${to}`);
  const part = file.subarray(from, to + 1);
  response.writeHead(206, { ...head, 'Content-Length': part.length, 'Content-Range': `bytes ${from}-${to}/${file.length}` });
  if (cut) return response.end(part);
  cut = true;
  response.write(part.subarray(0, 400), () => setTimeout(() => response.destroy(), 200));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
JS
node "$work/server.mjs" > "$work/port" 2> "$work/requests" &
server=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done

cat > "$work/probe.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const TurboDownloader = createRequire(import.meta.url)('turbo-downloader').default;
const base = `http://127.0.0.1:${process.argv[2]}`;
const load = async (path, destFile) => {
  await new TurboDownloader({ url: base + path, destFile, concurrency: 1 }).download(() => {});
  return readFileSync(destFile, 'utf8');
};
const once = await load('/file', 'cut');
console.log(`cut once:             resolved, ${once.length} bytes, line 0 reads ${once.slice(0, 9)}`);
console.log(`no Content-Length:    resolved, ${(await load('/no-length', 'none')).length} bytes`);
JS
(cd "$work" && node probe.mjs "$(cat port)") > "$work/seen"
cat "$work/requests" "$work/seen"

diff - <(cat "$work/requests" "$work/seen") <<'SEEN' || { echo "the behaviour has changed" >&2; exit 1; }
GET bytes=0-999
GET bytes=400-999
cut once:             resolved, 1000 bytes, line 0 reads 000000040
no Content-Length:    resolved, 0 bytes
SEEN
