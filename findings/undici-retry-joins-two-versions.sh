#!/usr/bin/env bash
# undici 7.30.2 and express 5.3.0 (npm).
#
# Expected: a client that goes on with a broken download by itself joins bytes of one version of the file only. For
# that it needs a strong validator (RFC 9110, 13.1.5 and 15.3.7.3); without one it starts again or fails.
#
# Happens: `RetryAgent` and `interceptors.retry()` of undici ask for the rest by Range after a connection that broke,
# and compare strong ETags only. A weak ETag is put aside, Last-Modified is not looked at, and there is no If-Range.
# `express.static` sends a weak ETag and Last-Modified, both of which change with the file: the old beginning and
# the new end come as one body with status 200 and the promised length.
#
# Seen, a file of 200,000 bytes that is replaced while its connection breaks; 1 is the old content, 2 the new:
#     express.static                         200, 100000 x 1, then 100000 x 2
#     express.static, new file of 300000     200, 100000 x 1, then 100000 x 2
#     a strong ETag in its place             Request failed (412)
#     without retries                        other side closed
# and the first two the same with undici 8.13.1 on Node 22.
#
# Why it matters: the agent is set for all requests of a program, for the sake of 503 and of connections that are
# refused. The manual of undici 7 does not say that bodies are resumed, that of 8 says that the ETag guards them. Each
# deployment replaces files under clients, and restarts the server that cuts their connections: both happen at once.
#
# What to do: have the server send strong ETags (a hash of the content), compare a digest of what was downloaded, or
# leave bodies out: retry in the caller, around the whole request.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true, "type": "module" }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund undici@7.30.2 express@5.3.0

cat > probe.mjs <<'JS'
import express from 'express';
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { Agent, interceptors, request, RetryAgent } from 'undici';

const half = 100_000;
const options = { minTimeout: 10, maxRetries: 2 };

/** Serves a file; the first response is cut in its middle, and the file is replaced then. */
async function downloaded(name, { size = 2 * half, strong = false, by = (agent) => new RetryAgent(agent, options) } = {}) {
  const folder = mkdtempSync('tree-');
  const file = `${folder}/file`;
  writeFileSync(file, '1'.repeat(2 * half));
  let asked = 0;
  const app = express();
  app.use((incoming, response, next) => {
    asked += 1;
    if (asked > 1) return next();
    let left = half;
    const write = response.write.bind(response);
    response.write = (part, ...rest) => {
      if (left === 0) return false;
      const kept = part.subarray(0, left);
      left -= kept.length;
      return write(kept, () => {
        if (left > 0) return response.emit('drain');
        writeFileSync(`${file}.new`, '2'.repeat(size));
        renameSync(`${file}.new`, file);
        response.destroy();
      });
    };
    return next();
  });
  const setHeaders = (response, path) => {
    if (strong) response.setHeader('ETag', `"${createHash('sha256').update(readFileSync(path)).digest('hex')}"`);
  };
  app.use(express.static(folder, { setHeaders }));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((done) => { server.on('listening', done); });
  const dispatcher = by(new Agent());
  let said;
  try {
    const { statusCode, body } = await request(`http://127.0.0.1:${server.address().port}/file`, { dispatcher });
    const runs = (await body.text()).match(/1+|2+/g).map((run) => `${run.length} x ${run[0]}`);
    said = `${statusCode}, ${runs.join(', then ')}`;
  } catch (error) {
    said = error.message;
  }
  console.log(`${name}: ${said}`);
  server.closeAllConnections();
  server.close();
}

await downloaded('express.static');
await downloaded('express.static, longer', { size: 3 * half });
await downloaded('a strong ETag', { strong: true });
await downloaded('interceptors.retry', { by: (agent) => agent.compose(interceptors.retry(options)) });
await downloaded('without retries', { by: (agent) => agent });
JS

# --- the probe ---------------------------------------------------------------
NODE_ENV=test node probe.mjs | tee seen

diff seen - <<'T'
express.static: 200, 100000 x 1, then 100000 x 2
express.static, longer: 200, 100000 x 1, then 100000 x 2
a strong ETag: Request failed
interceptors.retry: 200, 100000 x 1, then 100000 x 2
without retries: other side closed
T
