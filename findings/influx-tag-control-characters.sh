#!/usr/bin/env bash
# influxdb-client 1.50.0 and influxdb 5.3.2 (PyPI), @influxdata/influxdb-client 1.35.0 and influx
# 5.12.0 (npm); their lines read by the official Go decoder github.com/influxdata/line-protocol/v2
# v2.2.1.
#
# Expected: the same tag value becomes the same tag, whichever of the official clients writes it,
# and a reader of the line gets back what the writer was given. Values here: "a<TAB>b", "a<LF>b" and
# a trailing backslash, "a\" (a Windows path).
#
# Happens: line protocol has no escape for these characters, and each client has its own way. Two
# clients write a tab as the two characters \t, two leave it, and the decoder refuses the line. Three
# write a line feed as \n; influx leaves it, which ends the line in the middle. Behind a trailing
# backslash one client adds a blank (read as "a "), one doubles it, and two leave it, so that it
# escapes the separator behind it; the decoder refuses the lines of all three.
#
# Seen (the tag as the decoder reads it):
#                                         a<TAB>b    a<LF>b     a\
#     influxdb-client 1.50.0 (Python)     a\tb       a\nb       "a " (backslash lost, blank added)
#     influxdb 5.3.2 (Python)             refused    a\nb       refused
#     @influxdata/influxdb-client (JS)    a\tb       a\nb       refused
#     influx 5.12.0 (JS)                  refused    refused    refused
#
# Why it matters: one host writes through two clients and has two series; one user's path refuses a
# line - and with it, possibly, the whole batch.
#
# What to do: keep tabs, line feeds and trailing backslashes out of tag values before any client
# sees them: replace them yourself, in one place.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q influxdb-client==1.50.0 influxdb==5.3.2
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    @influxdata/influxdb-client@1.35.0 influx@5.12.0)
mkdir "$work/decoder"
cat > "$work/decoder/main.go" <<'GO'
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// read gives the tag "t" if the text is exactly one point with one tag and one field.
func read(text string) string {
	decoder := lineprotocol.NewDecoderWithBytes([]byte(text))
	tag, points := "", 0
	for decoder.Next() {
		points++
		if _, err := decoder.Measurement(); err != nil {
			return "refused"
		}
		for {
			key, value, err := decoder.NextTag()
			if err != nil {
				return "refused"
			}
			if key == nil {
				break
			}
			tag = fmt.Sprintf("%q", value)
		}
		for {
			key, _, err := decoder.NextField()
			if err != nil {
				return "refused"
			}
			if key == nil {
				break
			}
		}
	}
	return tag
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var row [3]string
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s: %s\n", row[0], row[1], read(row[2]))
	}
}
GO
cat > "$work/probe.py" <<'PY'
import json
from importlib.metadata import version
from influxdb.line_protocol import make_lines
from influxdb_client import Point

for name, value in (("tab", "a\tb"), ("line feed", "a\nb"), ("backslash", "a\\")):
    point = Point("m").tag("t", value).field("f", 1).time(1)
    print(json.dumps([f"influxdb-client {version('influxdb-client')}", name, point.to_line_protocol()]))
    point = {"measurement": "m", "tags": {"t": value}, "fields": {"f": 1}, "time": 1}
    print(json.dumps([f"influxdb {version('influxdb')}", name, make_lines({"points": [point]})]))
PY
cat > "$work/probe.mjs" <<'JS'
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { Point } from '@influxdata/influxdb-client';
import { InfluxDB } from 'influx';

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
// influx shows its lines only on the wire.
const written = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (block) => { body += block; });
  request.on('end', () => { written.push(body); response.writeHead(204).end(); });
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const influx = new InfluxDB({ host: '127.0.0.1', port: server.address().port, database: 'd' });
for (const [name, value] of [['tab', 'a\tb'], ['line feed', 'a\nb'], ['backslash', 'a\\']]) {
  const line = new Point('m').tag('t', value).intField('f', 1).timestamp('1').toLineProtocol();
  console.log(JSON.stringify([`@influxdata/influxdb-client ${version('@influxdata/influxdb-client')}`, name, line]));
  await influx.writePoints([{ measurement: 'm', tags: { t: value }, fields: { f: 1 }, timestamp: 1 }]);
  console.log(JSON.stringify([`influx ${version('influx')}`, name, written.pop()]));
}
process.exit();
JS
(
    cd "$work/decoder"
    go mod init probe 2> /dev/null
    go get github.com/influxdata/line-protocol/v2@v2.2.1 2> /dev/null
    go build -o decode .
)

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" -W ignore "$work/probe.py" > "$work/lines"
(cd "$work" && node probe.mjs) >> "$work/lines"
cat "$work/lines"
(cd "$work/decoder" && go list -m github.com/influxdata/line-protocol/v2) | tee "$work/seen"
"$work/decoder/decode" < "$work/lines" | LC_ALL=C sort | tee -a "$work/seen"

diff "$work/seen" - <<'SEEN'
github.com/influxdata/line-protocol/v2 v2.2.1
@influxdata/influxdb-client 1.35.0: backslash: refused
@influxdata/influxdb-client 1.35.0: line feed: "a\\nb"
@influxdata/influxdb-client 1.35.0: tab: "a\\tb"
influx 5.12.0: backslash: refused
influx 5.12.0: line feed: refused
influx 5.12.0: tab: refused
influxdb 5.3.2: backslash: refused
influxdb 5.3.2: line feed: "a\\nb"
influxdb 5.3.2: tab: refused
influxdb-client 1.50.0: backslash: "a "
influxdb-client 1.50.0: line feed: "a\\nb"
influxdb-client 1.50.0: tab: "a\\tb"
SEEN
echo "as stated: four clients write one tag value in up to three ways"
