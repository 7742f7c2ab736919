#!/usr/bin/env bash
# node-tcp-proxy 0.0.28 and tcp-proxy.js 1.5.0 (npm), pproxy 2.7.9 (PyPI); inetaf/tcpproxy of 2026-05-15 (Go) for
# comparison.
#
# Expected: a TCP proxy passes on the end of one direction and keeps the other open. A client that has sent its
# request and closed its sending side (`nc -N`, `shutdown`) gets the answer when it is ready.
#
# Happens: three of four close the whole connection as soon as one side has sent all. An answer that is ready before
# the end of the request gets through, one that is made afterwards does not: the server's write fails, and the
# client sees an orderly end of an empty answer.
#
# Seen, bytes of an answer of 1,000,000 that arrive, begun half a second after the end of the request:
#     direct            1000000
#     tcpproxy (Go)     1000000
#     node-tcp-proxy    0
#     tcp-proxy.js      0
#     pproxy            0
#
# Why it matters: requests that end by closing are those of simple programs: scripts with `nc -N`, or an upload to a
# receiver that answers with a checksum. It works without the proxy, and there is no error to see: the answer is just
# empty.
#
# What to do: in Node.js both sockets need `allowHalfOpen: true`, and `end()` in place of `destroy()`; with asyncio,
# `write_eof()` of the other side in place of `close()`. Test a proxy with a server that answers late.
set -euo pipefail

work=$(mktemp -d)
running=()
trap '[ ${#running[@]} = 0 ] || kill "${running[@]}"; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

# --- the packages ------------------------------------------------------------
python3 -m venv venv
venv/bin/pip install -q pproxy==2.7.9
echo '{ "name": "probe", "version": "1.0.0", "private": true, "type": "module" }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund node-tcp-proxy@0.0.28 tcp-proxy.js@1.5.0
go mod init probe 2> /dev/null
go get github.com/inetaf/tcpproxy@v0.0.0-20260515195445-c159a6051109 2> /dev/null

cat > main.go <<'GO'
package main

import (
	"os"

	"github.com/inetaf/tcpproxy"
)

func main() {
	var proxy tcpproxy.Proxy
	proxy.AddRoute("127.0.0.1:"+os.Args[1], tcpproxy.To("127.0.0.1:"+os.Args[2]))
	proxy.Run()
}
GO
go build -o tcpproxy .
cat > node-tcp-proxy.mjs <<'JS'
import proxy from 'node-tcp-proxy';

const [listen, server] = process.argv.slice(2).map(Number);
proxy.createProxy(listen, '127.0.0.1', server, { quiet: true });
JS
cat > tcp-proxy-js.mjs <<'JS'
import TCPProxy from 'tcp-proxy.js';

const [port, forwardPort] = process.argv.slice(2).map(Number);
await new TCPProxy({ port }).createProxy({ forwardHost: '127.0.0.1', forwardPort });
JS
cat > server.py <<'PY'
import socket, threading, time

server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)


def serve(connection):
    while connection.recv(65536):
        pass
    time.sleep(0.5)
    try:
        connection.sendall(b"x" * 1_000_000)
    except OSError:
        pass
    connection.close()


while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
PY
cat > client.py <<'PY'
import socket, sys, time

for _ in range(100):  # until it listens
    try:
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
        break
    except OSError:
        time.sleep(0.1)
connection.sendall(b"a" * 1000)
connection.shutdown(socket.SHUT_WR)
got = 0
while part := connection.recv(65536):
    got += len(part)
print(got)
PY

# --- the probe ---------------------------------------------------------------
free_port() {
    python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}
python3 server.py > port &
running+=($!)
until [ -s port ]; do sleep 0.1; done
server=$(cat port)
# The name of a proxy, and its command, in which LISTEN is the port to listen on.
through() {
    local name=$1 listen
    shift
    listen=$(free_port)
    "${@//LISTEN/$listen}" > /dev/null 2> log &
    running+=($!)
    echo "$name $(python3 client.py "$listen")"
}
{
    echo "direct $(python3 client.py "$server")"
    through tcpproxy ./tcpproxy LISTEN "$server"
    through node-tcp-proxy node node-tcp-proxy.mjs LISTEN "$server"
    through tcp-proxy.js node tcp-proxy-js.mjs LISTEN "$server"
    through pproxy venv/bin/pproxy -l "tunnel{127.0.0.1:$server}://127.0.0.1:LISTEN"
    printf '%s\n' "${running[@]:1}" > pids
} | tee seen
mapfile -t -O 1 running < pids

diff seen - <<'T'
direct 1000000
tcpproxy 1000000
node-tcp-proxy 0
tcp-proxy.js 0
pproxy 0
T
