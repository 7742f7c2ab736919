#!/usr/bin/env bash
# tar 7.5.23, tar-stream 3.2.2, modern-tar 0.8.6 and nanotar 0.3.0 (npm), tar 0.4.46 and astral-tokio-tar 0.7.0
# (crates.io), reading archives of bsdtar 3.6.2 and GNU tar 1.34 (Debian); Python 3.11 and Go 1.26 for comparison.
#
# Expected: a file of 3 MiB comes out of an archive with its name and its 3 MiB, whether its holes were kept as
# zeros or as a map of holes; or the reader says that it does not know the format.
#
# Happens: bsdtar looks for holes by default and writes a map of them, as GNU tar does with -S. Only Python and Go
# read what all three write. The others call the file GNUSparseFile.0/image and give it 8,704 bytes: the map as
# text, then what is between the holes, without the holes. tar of crates.io and astral-tokio-tar know the older
# form of GNU tar; tar-stream, modern-tar and nanotar cut that one too, and tar of npm leaves it out. No error.
#
# Seen, name and size of an image of 3,145,728 bytes, of which 8,192 are not in holes:
#                          bsdtar                       tar -S            tar -S --format=posix
#     tar (npm)            GNUSparseFile.0/image 8704   (left out)        GNUSparseFile.N/image 8704
#     tar-stream           GNUSparseFile.0/image 8704   image 8192        GNUSparseFile.N/image 8704
#     modern-tar           GNUSparseFile.0/image 8704   image 8192        GNUSparseFile.N/image 8704
#     nanotar              GNUSparseFile.0/image 8704   image 8192        GNUSparseFile.N/image 8704
#     tar (crates.io)      GNUSparseFile.0/image 8704   image 3145728     GNUSparseFile.N/image 8704
#     astral-tokio-tar     GNUSparseFile.0/image 8704   image 3145728     GNUSparseFile.N/image 8704
#     Python tarfile       image 3145728                image 3145728     image 3145728
#     Go archive/tar       image 3145728                image 3145728     image 3145728
#
# Why it matters: `bsdtar -cf` is `tar` on FreeBSD and macOS. Files with holes are those of virtual machines,
# databases and half-finished downloads: what one makes archives of, and reads back when the original is gone.
#
# What to do: `bsdtar --no-read-sparse` writes zeros, which every reader takes. In a reader, refuse
# entries with a `GNU.sparse.` record or of type S rather than take them for files.
set -euo pipefail

for tool in bsdtar tar go cargo; do
    command -v "$tool" > /dev/null || { echo "needs $tool on the PATH" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset CARGO_TARGET_DIR RUSTC_WORKSPACE_WRAPPER "${!CARGO_MANIFEST_@}" "${!CARGO_PKG_@}"

# --- the packages ------------------------------------------------------------
echo '{ "name": "probe", "version": "1.0.0", "private": true, "type": "module" }' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund tar@7.5.23 tar-stream@3.2.2 modern-tar@0.8.6 nanotar@0.3.0
bsdtar --version
tar --version | head -n 1
mkdir src
cat > Cargo.toml <<'T'
[package]
name = "probe"
version = "1.0.0"
edition = "2021"
[dependencies]
tar = "=0.4.46"
astral-tokio-tar = "=0.7.0"
tokio = { version = "1", features = ["fs", "macros", "rt"] }
tokio-stream = "0.1"
T
cat > src/main.rs <<'R'
use std::io::Read as _;
use tokio::io::AsyncReadExt as _;
use tokio_stream::StreamExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    for file in std::env::args().skip(1) {
        for entry in tar::Archive::new(std::fs::File::open(&file)?).entries()? {
            let (mut entry, mut content) = (entry?, Vec::new());
            entry.read_to_end(&mut content)?;
            println!("{file} crate-tar {} {}", entry.path()?.display(), content.len());
        }
        let mut archive = tokio_tar::Archive::new(tokio::fs::File::open(&file).await?);
        let mut entries = archive.entries()?;
        while let Some(entry) = entries.next().await {
            let (mut entry, mut content) = (entry?, Vec::new());
            entry.read_to_end(&mut content).await?;
            println!("{file} astral {} {}", entry.path()?.display(), content.len());
        }
    }
    Ok(())
}
R
cargo build --quiet

cat > probe.mjs <<'JS'
import { unpackTar } from 'modern-tar';
import { parseTar } from 'nanotar';
import { createReadStream, readFileSync } from 'node:fs';
import * as tar from 'tar';
import { extract } from 'tar-stream';

for (const file of process.argv.slice(2)) {
  const told = (reader, name, size) => console.log(file, reader, name, size);
  await tar.t({
    file,
    onReadEntry: (entry) => {
      let size = 0;
      entry.on('data', (part) => { size += part.length; });
      entry.on('end', () => told('npm-tar', entry.path, size));
    },
  });
  for await (const entry of createReadStream(file).pipe(extract())) {
    let size = 0;
    for await (const part of entry) size += part.length;
    told('tar-stream', entry.header.name, size);
  }
  for (const { header, data } of await unpackTar(readFileSync(file))) told('modern-tar', header.name, data.length);
  for (const { name, data } of parseTar(readFileSync(file))) told('nanotar', name, data.length);
}
JS
cat > probe.py <<'PY'
import sys, tarfile

for file in sys.argv[1:]:
    with tarfile.open(file) as archive:
        for member in archive:
            print(file, "python", member.name, len(archive.extractfile(member).read()))
PY
cat > main.go <<'GO'
package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
)

func main() {
	for _, name := range os.Args[1:] {
		file, _ := os.Open(name)
		archive := tar.NewReader(file)
		for {
			header, err := archive.Next()
			if err != nil {
				break
			}
			content, _ := io.ReadAll(archive)
			fmt.Println(name, "go", header.Name, len(content))
		}
	}
}
GO

# --- the probe ---------------------------------------------------------------
python3 - <<'PY'
with open("image", "wb") as image:
    image.truncate(3 << 20)
    for at in (1 << 20, 2 << 20):
        image.seek(at)
        image.write(b"data" * 1024)
PY
bsdtar -cf bsdtar image
tar -cSf gnu image
tar -cSf posix --format=posix image
bsdtar --no-read-sparse -cf zeros image
{
    node probe.mjs bsdtar gnu posix zeros
    target/debug/probe bsdtar gnu posix zeros
    python3 probe.py bsdtar gnu posix zeros
    go run main.go bsdtar gnu posix zeros
} | sed -E 's,[^ ]*GNUSparseFile\.[0-9]+,GNUSparseFile.N,' | LC_ALL=C sort | tee seen

diff seen - <<'T'
bsdtar astral GNUSparseFile.N/image 8704
bsdtar crate-tar GNUSparseFile.N/image 8704
bsdtar go image 3145728
bsdtar modern-tar GNUSparseFile.N/image 8704
bsdtar nanotar GNUSparseFile.N/image 8704
bsdtar npm-tar GNUSparseFile.N/image 8704
bsdtar python image 3145728
bsdtar tar-stream GNUSparseFile.N/image 8704
gnu astral image 3145728
gnu crate-tar image 3145728
gnu go image 3145728
gnu modern-tar image 8192
gnu nanotar image 8192
gnu python image 3145728
gnu tar-stream image 8192
posix astral GNUSparseFile.N/image 8704
posix crate-tar GNUSparseFile.N/image 8704
posix go image 3145728
posix modern-tar GNUSparseFile.N/image 8704
posix nanotar GNUSparseFile.N/image 8704
posix npm-tar GNUSparseFile.N/image 8704
posix python image 3145728
posix tar-stream GNUSparseFile.N/image 8704
zeros astral image 3145728
zeros crate-tar image 3145728
zeros go image 3145728
zeros modern-tar image 3145728
zeros nanotar image 3145728
zeros npm-tar image 3145728
zeros python image 3145728
zeros tar-stream image 3145728
T
