#!/usr/bin/env bash
# modern-tar 0.8.6 (npm); tar 7.5.23 and tar-stream 3.2.2 (npm) for comparison.
#
# Expected: GNU tar writes a number that does not fit into octal digits in base 256, a time before
# 1970 as a negative one. A reader that does not know such a number gives an error, or a wrong time;
# the size, which stands in its own field, is still right. What is in a file is never a header.
#
# Happens: modern-tar takes the number for a positive one that is too large and drops the entry. Without
# `strict: true`, which is not the default, there is no error: the file is missing from the list, and
# its content is not skipped.
#
# Seen, the names in an archive with an empty file old.txt and a file new.txt:
#     old.txt of 2023            modern-tar: old.txt new.txt   tar, tar-stream: old.txt new.txt
#     old.txt of 1969            modern-tar: new.txt           tar, tar-stream: old.txt new.txt
#     the same, strict: true     modern-tar: Error: TAR number too large
#
# Why it matters: a file from a camera or a disk image whose clock stood at 1969 disappears in silence,
# and every other reader shows that it is there.
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
: > old.txt
echo new > new.txt
touch -d '2023-06-01 00:00 UTC' new.txt
for year in 2023 1969; do
    touch -d "$year-06-01 00:00 UTC" old.txt
    tar --format=gnu -cf "$year.tar" old.txt new.txt
done

# --- what happens ----------------------------------------------------------
node probe.mjs | tee seen
diff seen - <<'SEEN'
2023.tar modern-tar: old.txt new.txt
2023.tar modern-tar, strict: old.txt new.txt
2023.tar tar: old.txt new.txt
2023.tar tar-stream: old.txt new.txt
1969.tar modern-tar: new.txt
1969.tar modern-tar, strict: Error: TAR number too large
1969.tar tar: old.txt new.txt
1969.tar tar-stream: old.txt new.txt
SEEN
echo "as stated: modern-tar drops a file from 1969 without an error"
