#!/usr/bin/env bash
# consistent-hash 1.2.2 (npm); hashring 3.2.0 for comparison.
#
# Expected: consistent hashing maps a key to the same server in every process that knows the same
# servers; that is what it is taken for. Only a change of the set of servers moves keys.
#
# Happens: with its default settings consistent-hash places the servers on the ring by
# Math.random(). Two rings of the same five servers, added in the same order, agree on about one
# key in five, as if the choice were by lot, in one process as well as after a restart. The
# documentation says so in half a sentence ("either randomly or, if uniform is specified,
# reproducibly"), and the name of the package says the opposite.
#
# Seen, 100000 keys, five servers, the keys on which two rings differ:
#     consistent-hash, default:                 about 78000 (by chance: 75000 to 82000)
#     consistent-hash, distribution 'uniform':  0
#     hashring:                                 0
#
# Why it matters: two balancers send the same client to different servers, and a restart empties
# all caches and sticky sessions at once. A test in one process with one ring never shows it.
#
# What to do: `new ConsistentHash({ distribution: 'uniform' })`, and add the servers in the same
# order everywhere: with 'uniform' the order counts (see the last line), so sort them first.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    consistent-hash@1.2.2 hashring@3.2.0)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
cat > "$work/probe.mjs" <<'JS'
import ConsistentHash from 'consistent-hash';
import HashRing from 'hashring';

const servers = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
const keys = Array.from({ length: 100000 }, (_, i) => `user:${i}`);
const build = (options, names) => {
  const ring = new ConsistentHash(options);
  for (const name of names) ring.add(name);
  return ring;
};
const differ = (one, two) => keys.filter((key) => one.get(key) !== two.get(key)).length;
const uniform = { distribution: 'uniform' };
const reversed = [...servers].reverse();

const random = differ(build({}, servers), build({}, servers));
console.error(`default: ${random} keys differ`);
console.log(`default: more than 60000 keys differ: ${random > 60000}`);
console.log(`uniform: ${differ(build(uniform, servers), build(uniform, servers))} keys differ`);
console.log(`uniform, other order: more than 60000 keys differ: ${differ(build(uniform, servers), build(uniform, reversed)) > 60000}`);
console.log(`hashring: ${differ(new HashRing(servers), new HashRing(servers))} keys differ`);
console.log(`hashring, other order: ${differ(new HashRing(servers), new HashRing(reversed))} keys differ`);
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs consistent-hash hashring && node probe.mjs) | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
consistent-hash 1.2.2
hashring 3.2.0
default: more than 60000 keys differ: true
uniform: 0 keys differ
uniform, other order: more than 60000 keys differ: true
hashring: 0 keys differ
hashring, other order: 0 keys differ
SEEN
echo "as stated: two default rings of the same servers disagree on most keys"
