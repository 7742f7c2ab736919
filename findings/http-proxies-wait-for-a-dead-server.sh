#!/usr/bin/env bash
# http-proxy 1.18.1, http-proxy-3 1.23.3, http-proxy-middleware 3.0.11, express-http-proxy 2.1.2 and koa-proxies 0.12.4
# (npm); @fastify/http-proxy 11.6.3, fast-proxy 2.2.0, http2-proxy 5.0.53 and httpxy 0.5.6 for comparison.
#
# Expected: when the server dies in the middle of a body, the proxy ends the client's connection, so that the client
# learns that the body is not complete, and can go on elsewhere.
#
# Happens: five of nine keep the client's connection open and silent. No error event, no log line, no time limit: the
# client waits as long as it likes. They pipe the response on, and a pipe in Node.js does not pass on that its source
# broke.
#
# Seen, 100,000 of 200,000 bytes sent when the server's connection breaks; what curl ends with, and after which time
# at most (it was told 5 s):
#     direct, @fastify/http-proxy, fast-proxy, http2-proxy, httpxy     18, transfer closed   at once
#     http-proxy, http-proxy-3, http-proxy-middleware,
#     express-http-proxy, koa-proxies                                  28, timed out         5 s
#     http-proxy with the handler below                                18, transfer closed   at once
#
# Why it matters: each kill of a server leaves downloads that wait, and sockets of the proxy that nobody counts as
# errors. A test that kills the server between requests sees a proper 502.
#
# What to do: `proxy.on('proxyRes', (from, _, to) => from.on('error', () => to.destroy()))`, or one of the four.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true, "type": "module" }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund express@5.3.0 koa@3.3.0 fastify@5.12.8 \
    http-proxy@1.18.1 http-proxy-3@1.23.3 http-proxy-middleware@3.0.11 express-http-proxy@2.1.2 koa-proxies@0.12.4 \
    @fastify/http-proxy@11.6.3 fast-proxy@2.2.0 http2-proxy@5.0.53 httpxy@0.5.6

cat > probe.mjs <<'JS'
import express from 'express';
import expressHttpProxy from 'express-http-proxy';
import fastProxy from 'fast-proxy';
import fastify from 'fastify';
import fastifyHttpProxy from '@fastify/http-proxy';
import http2Proxy from 'http2-proxy';
import httpProxy from 'http-proxy';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { createProxyServer as httpProxy3 } from 'http-proxy-3';
import { createProxyServer as httpxy } from 'httpxy';
import Koa from 'koa';
import koaProxies from 'koa-proxies';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';

const half = 100_000;
const listening = (handler) => new Promise((done) => {
  const server = createServer(handler).listen(0, '127.0.0.1', () => done(server));
});
const dying = await listening((request, response) => {
  if (request.url === '/length') response.setHeader('Content-Length', 2 * half);
  response.write(Buffer.alloc(half), () => setTimeout(() => request.socket.destroy(), 200));
});
const port = dying.address().port;
const target = `http://127.0.0.1:${port}`;
/** Those with the interface of http-proxy; a failed request ends the client's connection. */
const alike = (proxy) => {
  proxy.on('error', (error, request, response) => response.destroy());
  return listening((request, response) => proxy.web(request, response));
};

const proxies = {
  direct: () => dying,
  '@fastify/http-proxy': async () => {
    const server = fastify().register(fastifyHttpProxy, { upstream: target });
    await server.listen({ port: 0, host: '127.0.0.1' });
    return server.server;
  },
  'fast-proxy': () => {
    const { proxy } = fastProxy({ base: target });
    return listening((request, response) => proxy(request, response, request.url, {}));
  },
  'http2-proxy': () => listening((request, response) => {
    http2Proxy.web(request, response, { hostname: '127.0.0.1', port }, (error) => error && response.destroy());
  }),
  httpxy: () => {
    const proxy = httpxy({ target });
    return listening((request, response) => proxy.web(request, response).catch(() => response.destroy()));
  },
  'http-proxy': () => alike(httpProxy.createProxyServer({ target })),
  'http-proxy-3': () => alike(httpProxy3({ target })),
  'http-proxy-middleware': () => listening(express().use(createProxyMiddleware({ target }))),
  'express-http-proxy': () => listening(express().use(expressHttpProxy(target))),
  'koa-proxies': () => listening(new Koa().use(koaProxies('/', { target })).callback()),
  'http-proxy with a handler': () => {
    const proxy = httpProxy.createProxyServer({ target });
    proxy.on('proxyRes', (from, _, to) => from.on('error', () => to.destroy()));
    return alike(proxy);
  },
};
for (const [name, make] of Object.entries(proxies)) {
  const server = await make();
  for (const kind of ['chunked', 'length']) {
    const url = `http://127.0.0.1:${server.address().port}/${kind}`;
    const options = ['-sS', '-m', '5', '-o', '/dev/null', '-w', '%{size_download}', url];
    const said = await new Promise((done) => {
      execFile('curl', options, (error, out) => done(`${out} bytes, ${error?.code ?? 0}`));
    });
    console.log(`${name}, ${kind}: ${said}`);
  }
}
process.exit(0);
JS

# --- the probe ---------------------------------------------------------------
NODE_NO_WARNINGS=1 node probe.mjs 2> log | tee seen

diff seen - <<'T'
direct, chunked: 100000 bytes, 18
direct, length: 100000 bytes, 18
@fastify/http-proxy, chunked: 100000 bytes, 18
@fastify/http-proxy, length: 100000 bytes, 18
fast-proxy, chunked: 100000 bytes, 18
fast-proxy, length: 100000 bytes, 18
http2-proxy, chunked: 100000 bytes, 18
http2-proxy, length: 100000 bytes, 18
httpxy, chunked: 100000 bytes, 18
httpxy, length: 100000 bytes, 18
http-proxy, chunked: 100000 bytes, 28
http-proxy, length: 100000 bytes, 28
http-proxy-3, chunked: 100000 bytes, 28
http-proxy-3, length: 100000 bytes, 28
http-proxy-middleware, chunked: 100000 bytes, 28
http-proxy-middleware, length: 100000 bytes, 28
express-http-proxy, chunked: 100000 bytes, 28
express-http-proxy, length: 100000 bytes, 28
koa-proxies, chunked: 100000 bytes, 28
koa-proxies, length: 100000 bytes, 28
http-proxy with a handler, chunked: 100000 bytes, 18
http-proxy with a handler, length: 100000 bytes, 18
T
