#!/usr/bin/env bash
# @balena/proxy-protocol-parser 1.0.2 and proxy-protocol-js 4.0.6 (npm); proxy-protocol 0.11.3 (PyPI).
#
# Expected: a PROXY protocol header may say that there is no client address: `PROXY UNKNOWN` in v1
# (the short form of the specification's own example), the command LOCAL in v2 (health checks; "the
# receiver must ... discard the address block"), the families UNSPEC and UNIX. A parser then gives
# no address, or an error.
#
# Happens: @balena/proxy-protocol-parser makes addresses up. `PROXY UNKNOWN\r\n` becomes an IPv6
# client with the address "\r\n" and no ports; with a request behind the header, the word "GET"
# becomes the local address. A unix path "/src" becomes the IPv6 address 2f73:7263::0 with port 0.
# Addresses in a LOCAL header are taken for the client's. proxy-protocol-js refuses the short
# UNKNOWN line (it wants addresses behind the word), and reads the long one. The Python package
# proxy-protocol does all of this right, but for LOCAL it skips the addresses by reading them as
# TLVs: the result has an ALPN, made of the ports.
#
# Seen, the remote address:   balena        proxy-protocol-js  proxy-protocol (Python)
#     v1 UNKNOWN, short       "\r\n"        error              none
#     v1 UNKNOWN with request "\r\n"        error              none
#     v2 LOCAL with addresses 10.0.0.1      command LOCAL      none, ALPN b"\x00\x0209\x00P"
#     v2 UNSPEC               none          none               none
#     v2 UNIX /src            2f73:7263::0  unix path          /src
#
# Why it matters: UNKNOWN and LOCAL are what a balancer sends for its own health checks. They come
# out as a strange client in the log, or every health check fails.
#
# What to do: look at the command and the family yourself before the parser does: v1 lines that
# begin with "PROXY UNKNOWN", and v2 headers with byte 12 = 0x20 or byte 13 outside 0x11 and 0x21.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    @balena/proxy-protocol-parser@1.0.2 proxy-protocol-js@4.0.6)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q proxy-protocol==0.11.3
cat > "$work/probe.mjs" <<'JS'
import balena from '@balena/proxy-protocol-parser';
import proxyProtocolJs from 'proxy-protocol-js';

const { V1ProxyProtocol, V2ProxyProtocol } = proxyProtocolJs;
const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const v2 = (command, family, inside) =>
  Buffer.concat([signature, Buffer.from([command, family, inside.length >> 8, inside.length & 255]), inside]);
const unix = Buffer.alloc(216);
unix.write('/src', 0);
unix.write('/dst', 108);
const cases = {
  'v1 UNKNOWN, short': Buffer.from('PROXY UNKNOWN\r\n'),
  'v1 UNKNOWN with request': Buffer.from('PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n\r\n'),
  'v2 LOCAL with addresses': v2(0x20, 0x11, Buffer.from('0a0000010a00000230390050', 'hex')),
  'v2 UNSPEC': v2(0x21, 0x00, Buffer.alloc(0)),
  'v2 UNIX /src': v2(0x21, 0x31, unix),
};
for (const [name, bytes] of Object.entries(cases)) {
  const one = balena.decode(bytes);
  console.log(`${name}: balena: ${one.remoteFamily} ${JSON.stringify(one.remoteAddress)} -> ${JSON.stringify(one.localAddress)}`);
  try {
    const two = name.startsWith('v1') ? V1ProxyProtocol.parse(bytes.toString('latin1')) : V2ProxyProtocol.parse(bytes);
    const source = two.proxyAddress.sourceAddress?.address;
    console.log(`${name}: proxy-protocol-js: command ${two.command}, ${source ? `address of ${source.length} bytes` : 'no address'}`);
  } catch (error) {
    console.log(`${name}: proxy-protocol-js: error`);
  }
}
JS
cat > "$work/probe.py" <<'PY'
import asyncio
from importlib.metadata import version
from proxyprotocol.detect import ProxyProtocolDetect
from proxyprotocol.reader import ProxyProtocolReader

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


def v2(command, family, inside):
    return SIGNATURE + bytes([command, family]) + len(inside).to_bytes(2, "big") + inside


async def read(data):
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    return await ProxyProtocolReader(ProxyProtocolDetect()).read(stream)


CASES = {
    "v1 UNKNOWN, short": b"PROXY UNKNOWN\r\n",
    "v1 UNKNOWN with request": b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n\r\n",
    "v2 LOCAL with addresses": v2(0x20, 0x11, bytes.fromhex("0a0000010a00000230390050")),
    "v2 UNSPEC": v2(0x21, 0x00, b""),
    "v2 UNIX /src": v2(0x21, 0x31, b"/src".ljust(108, b"\0") + b"/dst".ljust(108, b"\0")),
}
print("proxy-protocol", version("proxy-protocol"))
for name, data in CASES.items():
    result = asyncio.run(read(data))
    print(f"{name}: {result.source}, ALPN {result.tlv.alpn}")
PY

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs @balena/proxy-protocol-parser proxy-protocol-js && node probe.mjs) | tee "$work/seen"
"$work/venv/bin/python" "$work/probe.py" | tee -a "$work/seen"

diff "$work/seen" - <<'SEEN'
@balena/proxy-protocol-parser 1.0.2
proxy-protocol-js 4.0.6
v1 UNKNOWN, short: balena: IPv6 "\r\n" -> ""
v1 UNKNOWN, short: proxy-protocol-js: error
v1 UNKNOWN with request: balena: IPv6 "\r\n" -> "GET"
v1 UNKNOWN with request: proxy-protocol-js: error
v2 LOCAL with addresses: balena: IPv4 "10.0.0.1" -> "10.0.0.2"
v2 LOCAL with addresses: proxy-protocol-js: command 0, address of 4 bytes
v2 UNSPEC: balena: undefined undefined -> undefined
v2 UNSPEC: proxy-protocol-js: command 1, no address
v2 UNIX /src: balena: IPv6 "2f73:7263::0" -> "0::0"
v2 UNIX /src: proxy-protocol-js: command 1, address of 108 bytes
proxy-protocol 0.11.3
v1 UNKNOWN, short: None, ALPN None
v1 UNKNOWN with request: None, ALPN None
v2 LOCAL with addresses: None, ALPN b'\x00\x0209\x00P'
v2 UNSPEC: None, ALPN None
v2 UNIX /src: /src, ALPN None
SEEN
echo "as stated: headers without a client address get an invented one, or an error"
