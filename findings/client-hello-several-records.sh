#!/usr/bin/env bash
# read-tls-client-hello 2.0.0 (npm), with the TLS server of Node.js as the referee.
#
# Expected: a ClientHello is a handshake message, and a handshake message may lie in several TLS
# records (RFC 8446, section 5.1). With post-quantum key shares it has outgrown one packet, and
# middleboxes and anti-censorship tools do split it. A reader of hellos joins the records.
#
# Happens: a hello in two records is refused ("Unexpected client hello length"), one whose first
# record holds a single byte waits for bytes that never come and ends as "Stream closed". The TLS
# server of Node.js accepts the very same bytes and sees the server name.
#
# Seen:
#     one record      reader: a.example                                   server: a.example
#     two records     reader: Unexpected client hello length: N (of 100)  server: a.example
#     1 byte first    reader: Stream closed before expected data could be read
#                                                                         server: a.example
#
# Why it matters: `trackClientHellos` and everything that routes by server name in front of a TLS
# server drops clients that the server itself would have served, and only those with unusual
# stacks, so it is taken for a fault of the client.
#
# What to do: on NonTlsError or a length error hand the connection on unread (the TLS server is
# the one that knows) instead of closing it.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    read-tls-client-hello@2.0.0)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=a.example \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2> "$work/openssl.log"
cat > "$work/probe.mjs" <<'JS'
import net from 'node:net';
import tls from 'node:tls';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { readTlsClientHello } from 'read-tls-client-hello';

const host = '127.0.0.1';
const listen = (server) => new Promise((done) => server.listen(0, host, () => done(server.address().port)));

// A real hello of this Node.js, taken from a connection that goes nowhere.
const hello = await new Promise(async (done) => {
  const server = net.createServer((socket) => socket.on('error', () => {}).once('data', (bytes) => { socket.destroy(); done(bytes); }));
  const client = tls.connect({ host, port: await listen(server), servername: 'a.example' });
  client.on('error', () => server.close());
});
const message = hello.subarray(5);
const record = (bytes) => Buffer.concat([Buffer.from([22, 3, 1, bytes.length >> 8, bytes.length & 255]), bytes]);
const split = (at) => Buffer.concat([record(message.subarray(0, at)), record(message.subarray(at))]);

const byReader = async (bytes) => {
  const stream = new PassThrough();
  stream.end(bytes);
  try {
    const { extensions } = await readTlsClientHello(stream);
    return extensions.find(({ id }) => id === 0).data.serverName;
  } catch (error) {
    return error.message.replace(/: \d+ \(/, ': N (');
  }
};
const byServer = (bytes) =>
  new Promise(async (done) => {
    const server = tls.createServer({
      key: readFileSync('key.pem'),
      cert: readFileSync('cert.pem'),
      SNICallback: (name, answer) => { done(name); answer(null); },
    });
    server.on('tlsClientError', (error) => done(error.message));
    net.connect({ host, port: await listen(server) }).on('error', () => {}).write(bytes);
  });
for (const [name, bytes] of [['one record', hello], ['two records', split(100)], ['1 byte first', split(1)]]) {
  console.log(`${name}: reader: ${await byReader(bytes)}; server: ${await byServer(bytes)}`);
}
process.exit();
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs read-tls-client-hello && node probe.mjs) | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
read-tls-client-hello 2.0.0
one record: reader: a.example; server: a.example
two records: reader: Unexpected client hello length: N (of 100); server: a.example
1 byte first: reader: Stream closed before expected data could be read; server: a.example
SEEN
echo "as stated: a ClientHello in two records is refused by the reader and accepted by the server"
