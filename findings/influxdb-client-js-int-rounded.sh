#!/usr/bin/env bash
# @influxdata/influxdb-client 1.35.0 (npm).
#
# Expected: an integer field of InfluxDB is an int64. JavaScript numbers end at 2^53, so one gives a
# larger value as a string or a BigInt, which the API takes, and the value arrives as it is - as it
# does with `uintField`.
#
# Happens: `intField` parses the string (or BigInt) into a number first. Every value beyond 2^53 is
# rounded in silence, and the largest and the smallest int64 are refused as "invalid integer value".
# `uintField` keeps each digit.
#
# Seen:
#     intField('9007199254740993')      f=9007199254740992i
#     intField(9007199254740993n)       f=9007199254740992i
#     intField('4611686018427387905')   f=4611686018427388000i
#     intField('9223372036854775807')   error: invalid integer value
#     uintField('9007199254740993')     f=9007199254740993u
#     uintField('9223372036854775807')  f=9223372036854775807u
#
# Why it matters: byte counters, nanosecond times and ids pass 2^53 in real systems (9 PB, or any
# time in nanoseconds today). Differences and joins are off by up to 1024, and nothing fails.
#
# What to do: build the line by hand with `writeRecord('m f=9007199254740993i')`, or use uintField
# where the bucket has no integer field of that name yet.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    @influxdata/influxdb-client@1.35.0)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
cat > "$work/probe.mjs" <<'JS'
import { Point } from '@influxdata/influxdb-client';

const cases = [
  ['intField', '9007199254740993'],
  ['intField', 9007199254740993n],
  ['intField', '4611686018427387905'],
  ['intField', '9223372036854775807'],
  ['uintField', '9007199254740993'],
  ['uintField', '9223372036854775807'],
];
for (const [method, value] of cases) {
  let seen;
  try {
    seen = new Point('m')[method]('f', value).timestamp('1').toLineProtocol();
  } catch (error) {
    seen = `error: ${error.message}`;
  }
  console.log(`${method}(${typeof value} ${value}): ${seen}`);
}
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs @influxdata/influxdb-client && node probe.mjs) | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
@influxdata/influxdb-client 1.35.0
intField(string 9007199254740993): m f=9007199254740992i 1
intField(bigint 9007199254740993): m f=9007199254740992i 1
intField(string 4611686018427387905): m f=4611686018427388000i 1
intField(string 9223372036854775807): error: invalid integer value for field 'f': '9223372036854775807'!
uintField(string 9007199254740993): m f=9007199254740993u 1
uintField(string 9223372036854775807): m f=9223372036854775807u 1
SEEN
echo "as stated: intField rounds strings and BigInts beyond 2^53"
