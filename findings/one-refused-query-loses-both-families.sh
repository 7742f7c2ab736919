#!/usr/bin/env bash
# cacheable-lookup 7.0.0 (npm) and dnspython 2.9.2 (PyPI), asking dnsmasq 2.90 (Debian); aiodns 4.0.4, aiohttp
# 3.14.5 (PyPI), and Go 1.26 for comparison.
#
# Expected: a name with an A record, whose AAAA query is refused, has one address. A caller that asks for IPv4
# alone is not concerned with AAAA at all.
#
# Happens: dnsmasq without an upstream server answers A of its own records and refuses AAAA of the same name.
# cacheable-lookup always asks for both, also with `family: 4`, and fails with EREFUSED; it does not ask the
# system's resolver then, as it does for a name that is not found. `resolve_name` of dnspython fails too, by
# default; `family=AF_INET` helps there.
#
# Seen, with A = 127.0.0.11 and AAAA refused:
#     cacheable-lookup                 EREFUSED
#     cacheable-lookup, family 4       EREFUSED
#     node:dns resolve4                127.0.0.11
#     dnspython resolve_name           NoNameservers
#     dnspython resolve_name, AF_INET  127.0.0.11
#     aiodns getaddrinfo               127.0.0.11
#     aiohttp AsyncResolver            127.0.0.11
#     Go LookupIP                      127.0.0.11
#
# Why it matters: `curl`, `dig` and the browser reach the server, and a service with this cache (got's
# `dnsCache: true` is one) cannot, on networks whose small resolver knows IPv4 names only. The error names AAAA,
# which nobody asked for.
#
# What to do: `local=/DOMAIN/` in dnsmasq makes the refusal an answer without records, which all of them take.
# Or leave the cache out; a `resolver` of its own can turn EREFUSED into ENODATA.
set -euo pipefail

command -v dnsmasq > /dev/null || { echo "needs dnsmasq on the PATH" >&2; exit 1; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cd "$work"

# --- the packages ------------------------------------------------------------
python3 -m venv venv
venv/bin/pip install -q dnspython==2.9.2 aiodns==4.0.4 pycares==5.2.1 aiohttp==3.14.5
echo '{ "name": "probe", "version": "1.0.0", "private": true, "type": "module" }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund cacheable-lookup@7.0.0
dnsmasq --version | head -n 1
go version

cat > probe.mjs <<'JS'
import CacheableLookup from 'cacheable-lookup';
import { promises } from 'node:dns';

const resolver = new promises.Resolver();
resolver.setServers([`127.0.0.1:${process.argv[2]}`]);
let asked = 'system not asked';
const lookup = (name, options, done) => {
  asked = 'system asked';
  done(null, []);
};
const cache = new CacheableLookup({ resolver, lookup });
const said = (answer) => answer.then((it) => it.address ?? String(it), (error) => error.code);
console.log('cacheable-lookup:', await said(cache.lookupAsync('files.test')), asked);
console.log('cacheable-lookup, family 4:', await said(cache.lookupAsync('files.test', { family: 4 })), asked);
console.log('node:dns resolve4:', await said(resolver.resolve4('files.test')));
JS

cat > probe.py <<'PY'
import asyncio, socket, sys
import aiodns, aiohttp, dns.resolver

port = int(sys.argv[1])
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = ["127.0.0.1"], port


def said(what, find):
    try:
        print(f"{what}: {', '.join(find())}")
    except Exception as error:
        print(f"{what}: {type(error).__name__}")


async def others():
    server = {"nameservers": ["127.0.0.1"], "udp_port": port, "tcp_port": port}
    found = await aiodns.DNSResolver(**server).getaddrinfo("files.test", family=socket.AF_UNSPEC)
    print("aiodns getaddrinfo:", *(it.addr[0].decode() for it in found.nodes))
    found = await aiohttp.AsyncResolver(**server).resolve("files.test", 80, socket.AF_UNSPEC)
    print("aiohttp AsyncResolver:", *(it["host"] for it in found))


for _ in range(100):  # until it listens
    try:
        resolver.resolve("files.test", "A", lifetime=0.2)
        break
    except dns.exception.DNSException:
        pass
print("A:", resolver.resolve("files.test", "A")[0].address)
said("dnspython resolve_name", lambda: resolver.resolve_name("files.test").addresses())
said("dnspython resolve_name, AF_INET", lambda: resolver.resolve_name("files.test", family=socket.AF_INET).addresses())
asyncio.run(others())
PY

cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

func main() {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+os.Args[1])
	}
	resolver := net.Resolver{PreferGo: true, Dial: dial}
	found, err := resolver.LookupIP(context.Background(), "ip", "files.test.")
	fmt.Println("Go LookupIP:", found, err)
}
GO

# --- the probe ---------------------------------------------------------------
port=$(python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file="$work/pid" --port="$port" --listen-address=127.0.0.1 \
    --bind-interfaces --no-resolv --no-hosts --host-record=files.test,127.0.0.11 2> log &
server=$!
{
    venv/bin/python probe.py "$port"
    node probe.mjs "$port"
    go run main.go "$port"
} | tee seen

diff seen - <<'T'
A: 127.0.0.11
dnspython resolve_name: NoNameservers
dnspython resolve_name, AF_INET: 127.0.0.11
aiodns getaddrinfo: 127.0.0.11
aiohttp AsyncResolver: 127.0.0.11
cacheable-lookup: EREFUSED system not asked
cacheable-lookup, family 4: EREFUSED system not asked
node:dns resolve4: 127.0.0.11
Go LookupIP: [127.0.0.11] <nil>
T
