#!/usr/bin/env bash
# modern-tar 0.8.6 (npm); tar 7.5.23 and tar-stream 3.2.2 (npm) for comparison.
#
# Expected: GNU tar writes a number that does not fit into octal digits in base 256, a time before
# 1970 as a negative one. A reader that does not know such a number gives an error, or a wrong time;
# the size, which stands in its own field, is still right. What is in a file is never a header.
#
# Happens: modern-tar takes the number for a positive one that is too large, drops the header, and
# goes on with the next 512 bytes, which are the content of the file. Without `strict: true`, which
# is not the default, there is no error, and no checksum is looked at. So the file is lost, and
# content that looks like a tar header is given as a file.
#
# Seen, the names in an archive with one file old.tar, whose content is a tar with one file inner.txt:
#     modified in 2023    modern-tar: old.tar     tar, tar-stream: old.tar
#     modified in 1969    modern-tar: inner.txt   tar, tar-stream: old.tar
#     the same, strict    modern-tar: Error: TAR number too large
#
# Why it matters: a file from a camera or a disk image with a clock at 1969 disappears in silence.
# Worse, whoever may only put a file with such a time into someone else's archive decides on names,
# and links, that the archive as checked by any other program does not have.
#
# What to do: pass `strict: true`, or use another package for archives that others made.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true }' > "$work/package.json"
(cd "$work" && npm install --silent --ignore-scripts --no-audit --no-fund \
    modern-tar@0.8.6 tar@7.5.23 tar-stream@3.2.2)
cat > "$work/probe.mjs" <<'JS'
import { createReadStream, readFileSync } from 'node:fs';
import { unpackTar } from 'modern-tar';
import { list } from 'tar';
import { extract } from 'tar-stream';

const readers = {
  'modern-tar': async (path) => (await unpackTar(readFileSync(path))).map((entry) => entry.header.name),
  'modern-tar, strict': async (path) => (await unpackTar(readFileSync(path), { strict: true })).map((entry) => entry.header.name),
  tar: async (path) => {
    const names = [];
    await list({ file: path, onReadEntry: (entry) => names.push(entry.path) });
    return names;
  },
  'tar-stream': async (path) => {
    const names = [];
    for await (const entry of createReadStream(path).pipe(extract())) {
      names.push(entry.header.name);
      entry.resume();
    }
    return names;
  },
};
for (const path of ['2023.tar', '1969.tar']) {
  for (const [name, read] of Object.entries(readers)) {
    const seen = await read(path).then((names) => names.join(' '), String);
    console.log(`${path} ${name}: ${seen}`);
  }
}
JS

# --- the archives ------------------------------------------------------------
cd "$work"
echo inside > inner.txt
tar --format=gnu -cf old.tar inner.txt
for year in 2023 1969; do
    touch -d "$year-06-01 00:00 UTC" old.tar
    tar --format=gnu -cf "$year.tar" old.tar
done

# --- what happens ----------------------------------------------------------
node probe.mjs | tee seen
diff seen - <<'SEEN'
2023.tar modern-tar: old.tar
2023.tar modern-tar, strict: old.tar
2023.tar tar: old.tar
2023.tar tar-stream: old.tar
1969.tar modern-tar: inner.txt
1969.tar modern-tar, strict: Error: TAR number too large
1969.tar tar: old.tar
1969.tar tar-stream: old.tar
SEEN
echo "as stated: modern-tar drops a file from 1969 and reads its content as headers"
