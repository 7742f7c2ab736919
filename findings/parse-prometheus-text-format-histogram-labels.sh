#!/usr/bin/env bash
# parse-prometheus-text-format 1.1.1, fed by prom-client 15.1.3 (npm).
#
# Expected: the parser gives each histogram of a family with its labels, as it does for counters
# and gauges, where each label set is one entry.
#
# Happens: a histogram (or summary) that has any label comes out as one single entry without
# labels, without count and without sum. The buckets of all label sets overwrite each other, so
# what is left are the buckets of the last one. A histogram without labels comes out right.
#
# Seen, two histograms h{path="/a"} (1 value) and h{path="/b"} (3 values):
#     [{"buckets":{"1":"3","+Inf":"3"}}]
# and a gauge with the same labels:
#     [{"value":"1","labels":{"path":"/a"}},{"value":"3","labels":{"path":"/b"}}]
#
# Why it matters: nearly every histogram in the wild has labels (path, status, backend). A
# dashboard or a test built on this parser shows the last label set as the whole, with valid
# numbers and no error.
#
# What to do: keep to counters and gauges with this parser; read histograms line by line, as plain
# samples `h_bucket{...}`, or with a parser of another language.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    parse-prometheus-text-format@1.1.1 prom-client@15.1.3)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
cat > "$work/probe.mjs" <<'JS'
import parse from 'parse-prometheus-text-format';
import { Gauge, Histogram, Registry } from 'prom-client';

const registers = [new Registry()];
const labelled = new Histogram({ name: 'h', help: 'h', buckets: [1], labelNames: ['path'], registers });
const plain = new Histogram({ name: 'p', help: 'p', buckets: [1], registers });
const gauge = new Gauge({ name: 'g', help: 'g', labelNames: ['path'], registers });
for (const [path, times] of [['/a', 1], ['/b', 3]]) {
  for (let i = 0; i < times; i += 1) labelled.observe({ path }, 0.5);
  gauge.set({ path }, times);
}
plain.observe(0.5);
for (const { name, metrics } of parse(await registers[0].metrics())) console.log(name, JSON.stringify(metrics));
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs parse-prometheus-text-format prom-client && node probe.mjs) | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
parse-prometheus-text-format 1.1.1
prom-client 15.1.3
h [{"buckets":{"1":"3","+Inf":"3"}}]
p [{"buckets":{"1":"1","+Inf":"1"},"count":"1","sum":"0.5"}]
g [{"value":"1","labels":{"path":"/a"}},{"value":"3","labels":{"path":"/b"}}]
SEEN
echo "as stated: histograms with labels are merged into one without labels, count and sum"
