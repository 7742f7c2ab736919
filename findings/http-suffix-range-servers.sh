#!/usr/bin/env bash
# express 5.3.0 (send 1.2.1, range-parser 1.3.0), @fastify/static 10.1.11 (fastify 5.12.8),
# @hono/node-server 2.1.9 (hono 4.13.19), http-server 14.1.1, koa-range 0.3.0 (koa 3.3.0,
# koa-static 5.0.0), serve-handler 6.1.8, sirv 3.0.2 (npm).
#
# Expected: `Range: bytes=-5` asks for the last five bytes, and if the file is shorter than the
# suffix, all of it counts (RFC 9110, section 14.1.2). Servers that answer ranges answer this one.
#
# Happens: of seven file servers one does both. sirv answers 206 with the FIRST six bytes.
# http-server and koa-range refuse every suffix with 416, though they serve other ranges. express,
# fastify and serve-handler serve a suffix only up to the size of the file and answer 416 beyond.
#
# Seen, for a file of 100 bytes:    bytes=-5             bytes=-200
#     express                       206 bytes 95-99/100  416
#     fastify                       206 bytes 95-99/100  416
#     hono                          206 bytes 95-99/100  206 bytes 0-99/100
#     http-server                   416                  416
#     koa-range                     416                  416
#     serve-handler                 206 bytes 95-99/100  416
#     sirv                          206 bytes 0-5/100    206 bytes 0-99/100
#
# Why it matters: readers of ZIP directories, Parquet footers and MP4 indexes ask for the last
# 64 KiB or so. Small files then fail behind express, fastify and serve-handler while large ones
# work, and a reader that trusts the status 206 takes the head of the file for its tail with sirv.
#
# What to do: a client asks for the size first (HEAD) and then for `bytes=FROM-`, or compares
# `Content-Range` with what it asked for, also on 206; on 416 it takes the size from
# `Content-Range: bytes */N` if there is one, and asks for the whole.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    express@5.3.0 send@1.2.1 range-parser@1.3.0 fastify@5.12.8 @fastify/static@10.1.11 hono@4.13.19 @hono/node-server@2.1.9 http-server@14.1.1 koa@3.3.0 koa-range@0.3.0 koa-static@5.0.0 serve-handler@6.1.8 sirv@3.0.2)
cat > "$work/versions.mjs" <<'JS'
import { readFileSync } from 'node:fs';
for (const name of process.argv.slice(2)) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
JS
mkdir "$work/files"
head -c 100 /dev/zero > "$work/files/f.bin"
cat > "$work/probe.mjs" <<'JS'
import http from 'node:http';
import express from 'express';
import Fastify from 'fastify';
import fastifyStatic from '@fastify/static';
import { Hono } from 'hono';
import { serve } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import httpServer from 'http-server';
import Koa from 'koa';
import koaRange from 'koa-range';
import koaStatic from 'koa-static';
import serveHandler from 'serve-handler';
import sirv from 'sirv';

const root = `${process.cwd()}/files`;
const host = '127.0.0.1';
const listen = (handler) =>
  new Promise((done) => {
    const server = http.createServer(handler).listen(0, host, () => done(server.address().port));
  });

const ports = {};
const app = express();
app.use(express.static(root));
app.use((error, request, response, next) => response.status(error.status).set(error.headers).end());
ports.express = await listen(app);
const fastify = Fastify();
await fastify.register(fastifyStatic, { root });
await fastify.listen({ port: 0, host });
ports.fastify = fastify.server.address().port;
const hono = new Hono();
hono.use('/*', serveStatic({ root: './files' }));
ports.hono = await new Promise((done) => serve({ fetch: hono.fetch, port: 0, hostname: host }, (at) => done(at.port)));
const plain = httpServer.createServer({ root });
ports['http-server'] = await new Promise((done) => plain.listen(0, host, () => done(plain.server.address().port)));
const koa = new Koa();
koa.silent = true;
koa.use(koaRange);
koa.use(koaStatic(root));
ports['koa-range'] = await listen(koa.callback());
ports['serve-handler'] = await listen((request, response) => serveHandler(request, response, { public: root }));
ports.sirv = await listen(sirv(root, { dev: true }));

const get = (port, range) =>
  new Promise((done, fail) => {
    http
      .get({ host, port, path: '/f.bin', headers: { range } }, (answer) => {
        answer.resume();
        answer.on('end', () => done([answer.statusCode, answer.headers['content-range'] ?? 'no Content-Range']));
      })
      .on('error', fail);
  });
for (const [name, port] of Object.entries(ports)) {
  for (const range of ['bytes=0-9', 'bytes=-5', 'bytes=-200']) {
    console.log(name, range, ...(await get(port, range)));
  }
}
process.exit();
JS

# --- what happens ----------------------------------------------------------
(cd "$work" && node versions.mjs express send range-parser fastify @fastify/static hono @hono/node-server http-server koa koa-range koa-static serve-handler sirv && node probe.mjs) | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
express 5.3.0
send 1.2.1
range-parser 1.3.0
fastify 5.12.8
@fastify/static 10.1.11
hono 4.13.19
@hono/node-server 2.1.9
http-server 14.1.1
koa 3.3.0
koa-range 0.3.0
koa-static 5.0.0
serve-handler 6.1.8
sirv 3.0.2
express bytes=0-9 206 bytes 0-9/100
express bytes=-5 206 bytes 95-99/100
express bytes=-200 416 bytes */100
fastify bytes=0-9 206 bytes 0-9/100
fastify bytes=-5 206 bytes 95-99/100
fastify bytes=-200 416 bytes */100
hono bytes=0-9 206 bytes 0-9/100
hono bytes=-5 206 bytes 95-99/100
hono bytes=-200 206 bytes 0-99/100
http-server bytes=0-9 206 bytes 0-9/100
http-server bytes=-5 416 no Content-Range
http-server bytes=-200 416 no Content-Range
koa-range bytes=0-9 206 bytes 0-9/100
koa-range bytes=-5 416 no Content-Range
koa-range bytes=-200 416 no Content-Range
serve-handler bytes=0-9 206 bytes 0-9/100
serve-handler bytes=-5 206 bytes 95-99/100
serve-handler bytes=-200 416 bytes */100
sirv bytes=0-9 206 bytes 0-9/100
sirv bytes=-5 206 bytes 0-5/100
sirv bytes=-200 206 bytes 0-99/100
SEEN
echo "as stated: one of seven file servers answers both suffix ranges; sirv sends the head of the file"
