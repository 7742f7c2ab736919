#!/usr/bin/env bash
# proxy-protocol-js 4.0.6 (npm).
#
# Expected: a PROXY protocol v2 header has a length; addresses and TLVs lie inside, the bytes of
# the connection after it. A parser that gives `data` gives the bytes of the connection.
#
# Happens: `V2ProxyProtocol.parse(buffer).data` is everything behind the addresses: the TLVs of
# the header with the request glued to them. The result holds neither the length nor the TLVs, so
# the two cannot be told apart afterwards.
#
# Seen, for the request "GET / HTTP/1.1" behind a header
#     without TLVs:                         data "GET / HTTP/1.1"
#     with a NOOP TLV of 3 bytes (padding): data 04 00 03 00 00 00 "GET / HTTP/1.1"
#     with ALPN h2:                         data 01 00 02 68 32 "GET / HTTP/1.1"
#
# Why it matters: it works until the proxy in front adds its first TLV - AWS adds the VPC endpoint
# id (0xEA), HAProxy does on `proxy-v2-options`, others pad or add a CRC32c. From then on every
# request starts with garbage.
#
# What to do: skip the header by its own length, 16 + buffer.readUInt16BE(14), and take only the
# addresses from the parser.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    proxy-protocol-js@4.0.6)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
cat > "$work/probe.mjs" <<'JS'
import proxyProtocol from 'proxy-protocol-js';

const request = Buffer.from('GET / HTTP/1.1');
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const addresses = Buffer.from('0a0000010a00000230390050', 'hex');
const header = (tlvs) => {
  const inside = Buffer.concat([addresses, tlvs]);
  return Buffer.concat([signature, Buffer.from([0x21, 0x11, inside.length >> 8, inside.length & 255]), inside]);
};
const cases = {
  'without TLVs': Buffer.alloc(0),
  'NOOP of 3 bytes': Buffer.from('040003000000', 'hex'),
  'ALPN h2': Buffer.from('0100026832', 'hex'),
};
for (const [name, tlvs] of Object.entries(cases)) {
  const parsed = proxyProtocol.V2ProxyProtocol.parse(Buffer.concat([header(tlvs), request]));
  const before = Buffer.from(parsed.data).subarray(0, -request.length).toString('hex');
  console.log(`${name}: fields ${Object.keys(parsed)}; in front of the request: "${before}"`);
}
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs proxy-protocol-js && node probe.mjs) | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
proxy-protocol-js 4.0.6
without TLVs: fields command,transportProtocol,proxyAddress,data,addressFamilyType; in front of the request: ""
NOOP of 3 bytes: fields command,transportProtocol,proxyAddress,data,addressFamilyType; in front of the request: "040003000000"
ALPN h2: fields command,transportProtocol,proxyAddress,data,addressFamilyType; in front of the request: "0100026832"
SEEN
echo "as stated: the TLVs of a v2 header come out glued to the request"
