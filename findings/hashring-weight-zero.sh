#!/usr/bin/env bash
# hashring 3.2.0 (npm).
#
# Expected: weights are shares. A server with weight 3 among four with weight 1 gets 3/7 of the
# keys, and one with weight 0 gets none: the usual way to drain a server in a balancer.
#
# Happens: weight 0 is taken for "no weight given" and becomes 1. The drained server keeps exactly
# the share it had, key by key, and nothing says so.
#
# Seen, 100000 keys on five servers:
#     all weights 1:             10.0.0.1:80 has 17082 keys
#     10.0.0.1:80 has weight 3:  10.0.0.1:80 has 40965 keys
#     10.0.0.1:80 has weight 0:  10.0.0.1:80 has 17082 keys, the same ones as with weight 1
#
# Why it matters: someone who knows weights from HAProxy, nginx or DNS sets 0, waits for the
# connections to end and takes the server down in full traffic.
#
# What to do: take the server out with `remove(name)`; the other servers keep their keys.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    hashring@3.2.0)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
cat > "$work/probe.mjs" <<'JS'
import HashRing from 'hashring';

const servers = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80', '10.0.0.4:80', '10.0.0.5:80'];
const keys = Array.from({ length: 100000 }, (_, i) => `user:${i}`);
const first = (weight) => {
  const ring = new HashRing(Object.fromEntries(servers.map((name, i) => [name, { weight: i === 0 ? weight : 1 }])));
  return keys.filter((key) => ring.get(key) === servers[0]);
};
for (const weight of [1, 3, 0]) console.log(`weight ${weight}: ${first(weight).length} keys`);
console.log(`the same keys with weight 1 and 0: ${first(1).join() === first(0).join()}`);
const ring = new HashRing(servers);
ring.remove(servers[0]);
console.log(`after remove: ${keys.filter((key) => ring.get(key) === servers[0]).length} keys`);
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs hashring && node probe.mjs) | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
hashring 3.2.0
weight 1: 17082 keys
weight 3: 40965 keys
weight 0: 17082 keys
the same keys with weight 1 and 0: true
after remove: 0 keys
SEEN
echo "as stated: a server with weight 0 keeps its full share"
