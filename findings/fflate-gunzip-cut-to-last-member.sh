#!/usr/bin/env bash
# fflate 0.8.3 (npm); pako 3.0.3 (npm), isal 1.9.1 and zlib-ng 1.1.0 (PyPI) for comparison.
#
# Expected: a gzip file is a row of members (RFC 1952, section 2.2), as `cat a.gz b.gz` or bgzip
# makes it. A library reads all of it, or the first member, or fails.
#
# Happens: fflate's one-shot functions (gunzipSync, gunzip, decompressSync) return the FIRST member
# cut off at the length of the LAST one: they take the size of the output from the last four bytes
# of the file and the data from its beginning. If the last member is empty, the result is empty. No
# error, no checksum. The streaming classes of the same library (Gunzip, Decompress) read all.
#
# Seen, the text of each file:      "first","x"   "first",""   "first","the second"
#     fflate gunzipSync             "f"           ""           "first"
#     fflate gunzip (async)         "f"           ""           "first"
#     fflate decompressSync         "f"           ""           "first"
#     fflate Gunzip, Decompress     "firstx"      "first"      "firstthe second"
#     pako ungzip                   "firstx"      "first"      "firstthe second"
#     isal.igzip, zlib_ng.gzip_ng   all           all          all
#     isal_zlib, zlib_ng with 31    "first"       "first"      "first"
#
# Why it matters: bgzip ends every file with an empty member, so each of them is read as empty; a
# rotated log shrinks to as many bytes as its last part has. Both look like a valid small file.
#
# What to do: use `new Gunzip(...)` with push(data, true), or pako, for anything that your own
# program did not compress in one go.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q isal==1.9.1 zlib-ng==1.1.0
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    fflate@0.8.3 pako@3.0.3)
cat > "$work/probe.py" <<'PY'
import gzip, json, sys
from importlib.metadata import version
from isal import igzip, isal_zlib
from zlib_ng import gzip_ng, zlib_ng

READERS = {
    f"isal {version('isal')} igzip": igzip.decompress,
    f"isal {version('isal')} isal_zlib, 31": lambda data: isal_zlib.decompress(data, 31),
    f"zlib-ng {version('zlib-ng')} gzip_ng": gzip_ng.decompress,
    f"zlib-ng {version('zlib-ng')} zlib_ng, 31": lambda data: zlib_ng.decompress(data, 31),
}
files = [gzip.compress(b"first") + gzip.compress(last) for last in (b"x", b"", b"the second")]
for number, data in enumerate(files):
    with open(f"{sys.argv[1]}/{number}.gz", "wb") as file:
        file.write(data)
for name, read in READERS.items():
    print(f"{name}: {json.dumps([read(data).decode() for data in files])}")
PY
cat > "$work/probe.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import * as fflate from 'fflate';
import { ungzip } from 'pako';

const files = [0, 1, 2].map((number) => readFileSync(`${number}.gz`));
const stream = (Class) => (data) => {
  const blocks = [];
  new Class((block) => blocks.push(block)).push(data, true);
  return Buffer.concat(blocks);
};
const readers = {
  'fflate gunzipSync': (data) => fflate.gunzipSync(data),
  'fflate gunzip': (data) => promisify(fflate.gunzip)(data),
  'fflate decompressSync': (data) => fflate.decompressSync(data),
  'fflate Gunzip': stream(fflate.Gunzip),
  'fflate Decompress': stream(fflate.Decompress),
  'pako ungzip': (data) => ungzip(data),
};
for (const [name, read] of Object.entries(readers)) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name.split(' ')[0]}/package.json`));
  const texts = [];
  for (const data of files) texts.push(Buffer.from(await read(data)).toString());
  console.log(`${name.replace(' ', ` ${version} `)}: ${JSON.stringify(texts)}`);
}
process.exit();
JS

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" "$work/probe.py" "$work" | tee "$work/seen"
(cd "$work" && node probe.mjs) | tee -a "$work/seen"

# JSON of Python has a blank behind each comma, that of JavaScript has none.
sed 's/", "/","/g' "$work/seen" | diff - /dev/fd/3 3<<'SEEN'
isal 1.9.1 igzip: ["firstx","first","firstthe second"]
isal 1.9.1 isal_zlib, 31: ["first","first","first"]
zlib-ng 1.1.0 gzip_ng: ["firstx","first","firstthe second"]
zlib-ng 1.1.0 zlib_ng, 31: ["first","first","first"]
fflate 0.8.3 gunzipSync: ["f","","first"]
fflate 0.8.3 gunzip: ["f","","first"]
fflate 0.8.3 decompressSync: ["f","","first"]
fflate 0.8.3 Gunzip: ["firstx","first","firstthe second"]
fflate 0.8.3 Decompress: ["firstx","first","firstthe second"]
pako 3.0.3 ungzip: ["firstx","first","firstthe second"]
SEEN
echo "as stated: fflate cuts the first member to the length of the last"
