// Reads an archive with Node: `read.mjs WAY ARCHIVE`; see ../README.md. Packages are imported where they are used.

import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, writeSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';

function write(bytes) {
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}

// Names are strings in all these packages: one that is not UTF-8 is printed as what became of it.
function line(name, size, mtime, content) {
  const escape = (byte) => '%' + byte.toString(16).toUpperCase().padStart(2, '0');
  const letter = (byte) => (byte >= 0x21 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : escape(byte));
  const shown = Array.from(Buffer.from(name), letter).join('');
  const digest = createHash('sha256').update(content).digest('hex');
  write(Buffer.from(`${digest} ${size} ${Number.isFinite(mtime) ? mtime : '-'} ${shown}\n`));
}

async function gather(stream) {
  const blocks = [];
  for await (const block of stream) blocks.push(block);
  return Buffer.concat(blocks);
}

async function copy(stream) {
  for await (const block of stream) write(block);
}

const seconds = (date) => (date ? date.getTime() / 1000 : '-');

// The tar stream in an archive, with Node's own zlib.
const unzipped = (path) => (path.endsWith('.gz') ? createReadStream(path).pipe(zlib.createGunzip()) : createReadStream(path));

// fflate has no end of input of its own in this mode: the last block says so.
async function fflateStream(path) {
  const { Gunzip } = await import('fflate');
  new Gunzip(write).push(readFileSync(path), true);
}

// Its stream is of a time before `for await`.
async function gunzipMaybe(path) {
  const { default: gunzip } = await import('gunzip-maybe');
  await pipeline(createReadStream(path), gunzip(), new Writable({
    write(block, _, done) {
      write(block);
      done();
    },
  }));
}

async function tar(path) {
  const { list } = await import('tar');
  const done = [];
  const problems = [];
  await list({
    file: path,
    onwarn: (code, message) => problems.push(`${code}: ${message}`),
    onReadEntry: (entry) => {
      if (entry.type !== 'File') return entry.resume();
      // The package makes an entry end before it calls for the next one.
      const blocks = [];
      entry.on('data', (block) => blocks.push(block));
      done.push(new Promise((resolve) => entry.on('end', () => {
        line(entry.path, entry.size, seconds(entry.mtime), Buffer.concat(blocks));
        resolve();
      })));
    },
  });
  await Promise.all(done);
  if (problems.length) throw new Error(problems[0]);
}

async function tarStream(path) {
  const { extract } = await import('tar-stream');
  const reader = extract();
  unzipped(path).on('error', (error) => reader.destroy(error)).pipe(reader);
  for await (const entry of reader) {
    const content = await gather(entry);
    if (entry.header.type === 'file') line(entry.header.name, entry.header.size, seconds(entry.header.mtime), content);
  }
}

async function tarFs(path) {
  const { default: fs } = await import('tar-fs');
  await pipeline(unzipped(path), fs.extract(process.env.DIR));
}

async function modernTar(path) {
  const { createTarDecoder } = await import('modern-tar');
  for await (const entry of Readable.toWeb(unzipped(path)).pipeThrough(createTarDecoder())) {
    const content = Buffer.from(await new Response(entry.body).arrayBuffer());
    if (entry.header.type === 'file') line(entry.header.name, entry.header.size, seconds(entry.header.mtime), content);
  }
}

async function nanotar(path) {
  const { parseTar, parseTarGzip } = await import('nanotar');
  const files = path.endsWith('.gz') ? await parseTarGzip(readFileSync(path)) : parseTar(readFileSync(path));
  for (const file of files) {
    if (file.type === 'file' || file.type === '0') line(file.name, file.size, file.attrs?.mtime ?? '-', file.data ?? '');
  }
}

async function zstddec(path) {
  const { ZSTDDecoder } = await import('zstddec/stream');
  const decoder = new ZSTDDecoder();
  await decoder.init();
  write(decoder.decode(readFileSync(path)));
}

const WAYS = {
  gunzipSync: (path) => write(zlib.gunzipSync(readFileSync(path))),
  createGunzip: (path) => copy(createReadStream(path).pipe(zlib.createGunzip())),
  DecompressionStream: (path) => copy(Readable.toWeb(createReadStream(path)).pipeThrough(new DecompressionStream('gzip'))),
  fetch: async () => copy((await fetch(process.env.URL)).body),
  'fflate-gunzipSync': async (path) => write((await import('fflate')).gunzipSync(readFileSync(path))),
  'fflate-Gunzip': fflateStream,
  'pako-ungzip': async (path) => write((await import('pako')).ungzip(readFileSync(path))),
  'gunzip-maybe': gunzipMaybe,
  'fzstd-decompress': async (path) => write((await import('fzstd')).decompress(readFileSync(path))),
  zstddec,
  tar,
  'tar-stream': tarStream,
  'tar-fs': tarFs,
  'modern-tar': modernTar,
  nanotar,
};

const [way, argument] = process.argv.slice(2);
if (way === 'version') {
  const manifest = () => JSON.parse(readFileSync(new URL(`node_modules/${argument}/package.json`, import.meta.url)));
  console.log(argument === 'node' ? process.version : manifest().version);
} else {
  try {
    await WAYS[way](argument);
  } catch (error) {
    console.error(String(error));
    process.exitCode = 1;
  }
}
