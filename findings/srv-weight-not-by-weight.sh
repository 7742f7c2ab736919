#!/usr/bin/env bash
# dns-srv 0.3.0 (npm); srvlookup 3.0.0 and, for comparison, srvresolver 0.3.5 and dnspython 2.9.2 (PyPI).
#
# Expected: among SRV records of one priority, a record is chosen first in proportion to its weight
# (RFC 2782): of two with the weights 9 and 1, the first one nine times of ten, in whatever order
# DNS names them.
#
# Happens: dns-srv takes the record behind the one that it has drawn. With the heavy record first in
# the answer, nine of ten connects go to the light one; with the light one first, half of them.
# srvlookup sorts by weight: all go to the heavy record, and the light one gets none.
#
# Seen, how many of 1,000 connects go to the record of weight 9 (to the nearest hundred):
#                     heavy first    light first
#     dns-srv                 100            500
#     srvlookup              1000           1000
#     srvresolver             900            900
#     dnspython               900            900
#
# Why it matters: weights are how one drains a server by DNS, or tries a new one with a tenth of the
# clients. dns-srv sends the crowd to it.
#
# What to do: draw by dnspython's `processing_order()`, or put a balancer with weights behind one name.
set -euo pipefail

work=$(mktemp -d)
server=
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q srvlookup==3.0.0 srvresolver==0.3.5 dnspython==2.9.2 dnslib==0.9.26
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund dns-srv@0.3.0)

# --- a name server on loopback with two names, one for each order ------------
cat > "$work/server.py" <<'PY'
import time
from dnslib import QTYPE, RR, SRV
from dnslib.server import BaseResolver, DNSServer


class Resolver(BaseResolver):
    def resolve(self, request, handler):
        reply = request.reply()
        records = [SRV(0, 9, 9001, "localhost."), SRV(0, 1, 9002, "localhost.")]
        if "light" in str(request.q.qname):
            records.reverse()
        if request.q.qtype == QTYPE.SRV:
            for record in records:
                reply.add_answer(RR(request.q.qname, QTYPE.SRV, rdata=record, ttl=60))
        return reply


server = DNSServer(Resolver(), address="127.0.0.1", port=0, logger=type("Quiet", (), {"__getattr__": lambda *_: lambda *_: None})())
print(server.server.server_address[1], flush=True)
server.start_thread()
while True:
    time.sleep(60)
PY
"$work/venv/bin/python" "$work/server.py" > "$work/port" &
server=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done

# --- which record each takes first -------------------------------------------
cat > "$work/probe.mjs" <<'JS'
import dns from 'node:dns';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
const srv = createRequire(import.meta.url)('dns-srv');
dns.setServers([`127.0.0.1:${process.argv[2]}`]);
// A socket that tells where it is to connect to, and is connected at once.
class Socket extends EventEmitter {
  setTimeout() {}
  connect(port) { this.port = port; setImmediate(() => this.emit('connect')); }
}
const first = (name) => new Promise((resolve) => {
  const socket = new Socket();
  socket.once('connect', () => resolve(socket.port));
  srv.connect(socket, ['_demo._tcp'], name, 1);
});
const counts = [];
for (const name of ['heavy.test', 'light.test']) {
  let heavy = 0;
  for (let n = 0; n < 1000; n += 1) heavy += (await first(name)) === 9001 ? 1 : 0;
  counts.push(heavy);
}
console.log('dns-srv', ...counts);
JS
cat > "$work/probe.py" <<'PY'
import sys, warnings

warnings.simplefilter("ignore")
import dns.resolver, srvlookup
from srvresolver.srv_resolver import SRVResolver

dns.resolver.default_resolver = resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], int(sys.argv[1])
resolver.cache = dns.resolver.Cache()


def with_srvlookup(name):
    return srvlookup.lookup("demo", "tcp", name)[0].port


def with_srvresolver(name):
    return SRVResolver.get_random(SRVResolver.resolve(f"_demo._tcp.{name}")).port


def with_dnspython(name):
    return resolver.resolve(f"_demo._tcp.{name}", "SRV").rrset.processing_order()[0].port


for first in (with_srvlookup, with_srvresolver, with_dnspython):
    counts = [sum(first(name) == 9001 for _ in range(1000)) for name in ("heavy.test", "light.test")]
    print(first.__name__.removeprefix("with_"), *counts)
PY
# One thread, so that the hosts of the records are looked up one after the other.
(cd "$work" && UV_THREADPOOL_SIZE=1 node probe.mjs "$(cat port)" && venv/bin/python probe.py "$(cat port)") > "$work/counts"
awk '{ printf "%-15s %7d %14d\n", $1, int($2 / 100 + 0.5) * 100, int($3 / 100 + 0.5) * 100 }' "$work/counts" > "$work/seen"
cat "$work/counts" "$work/seen"

diff -w - "$work/seen" <<'SEEN' || { echo "the behaviour has changed" >&2; exit 1; }
dns-srv 100 500
srvlookup 1000 1000
srvresolver 900 900
dnspython 900 900
SEEN
