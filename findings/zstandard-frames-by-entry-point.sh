#!/usr/bin/env bash
# zstandard 0.25.0 (PyPI); backports.zstd 1.8.0 and pyzstd 0.20.0 for comparison.
#
# Expected: zstd data is a row of frames, some of which may be skippable (RFC 8878, section 3.1).
# `zstd`, pzstd and the seekable format make such files; the command line tool and the other two
# Python packages read them. zstandard's functions for "decompress this" agree with each other.
#
# Happens: zstandard has eight ways in, and for the same valid bytes they give three results. Four
# read all. Four stop at the end of the first frame. If a skippable frame comes first, of those
# four two return nothing at all (b""), without an error, and two raise. The documentation says
# for some functions that they read one frame; that an empty result for a whole file is a success
# it does not say. `stream_reader` has `read_across_frames=False` as its default, which only makes a
# read(n) end with the frame: the next one goes on, and read() reads all frames.
#
# Seen:                                    frames "one ", "two"   skippable frame, "one "
#     decompress (module), .decompress     b'one '                ZstdError: decompressed 0 bytes
#     .decompressobj().decompress          b'one '                b''
#     .read_to_iter                        b'one '                b''
#     .stream_reader().read, open          b'one two'             b'one '
#     .copy_stream, .stream_writer         b'one two'             b'one '
#     backports.zstd, pyzstd               b'one two'             b'one '
#
# Why it matters: an archive that someone recompressed in parallel is cut off, and one from pzstd,
# which puts a skippable frame in front of each frame, is read as empty, by a program that worked
# for years on files of one frame.
#
# What to do: use `stream_reader`, `copy_stream` or `zstandard.open`, or backports.zstd; never
# `decompress()` or `decompressobj()` for data that another program compressed.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- the packages ------------------------------------------------------------
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q zstandard==0.25.0 backports.zstd==1.8.0 pyzstd==0.20.0
cat > "$work/probe.py" <<'PY'
import io, os, sys
from importlib.metadata import version
import pyzstd, zstandard
from backports import zstd


def writer(data):
    out = io.BytesIO()
    with zstandard.ZstdDecompressor().stream_writer(out, closefd=False) as stream:
        stream.write(data)
    return out.getvalue()


def copy(data):
    out = io.BytesIO()
    zstandard.ZstdDecompressor().copy_stream(io.BytesIO(data), out)
    return out.getvalue()


def opened(data):
    path = os.path.join(sys.argv[1], "file.zst")
    with open(path, "wb") as file:
        file.write(data)
    with zstandard.open(path, "rb") as file:
        return file.read()


READERS = {
    "zstandard.decompress": zstandard.decompress,
    ".decompress": lambda data: zstandard.ZstdDecompressor().decompress(data),
    ".decompressobj": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    ".read_to_iter": lambda data: b"".join(zstandard.ZstdDecompressor().read_to_iter(io.BytesIO(data))),
    ".stream_reader": lambda data: zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read(),
    "zstandard.open": opened,
    ".copy_stream": copy,
    ".stream_writer": writer,
    "backports.zstd.decompress": zstd.decompress,
    "pyzstd.decompress": pyzstd.decompress,
}
one, two = (zstandard.ZstdCompressor().compress(text) for text in (b"one ", b"two"))
skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"seek"
print(*(f"{name} {version(name)}" for name in ("zstandard", "backports.zstd", "pyzstd")))
for name, read in READERS.items():
    seen = []
    for data in one + two, skippable + one:
        try:
            seen.append(str(read(data)))
        except zstandard.ZstdError:
            seen.append("ZstdError")
    print(f"{name}: {', '.join(seen)}")
PY

# --- what happens ----------------------------------------------------------
"$work/venv/bin/python" "$work/probe.py" "$work" | tee "$work/seen"

diff "$work/seen" - <<'SEEN'
zstandard 0.25.0 backports.zstd 1.8.0 pyzstd 0.20.0
zstandard.decompress: b'one ', ZstdError
.decompress: b'one ', ZstdError
.decompressobj: b'one ', b''
.read_to_iter: b'one ', b''
.stream_reader: b'one two', b'one '
zstandard.open: b'one two', b'one '
.copy_stream: b'one two', b'one '
.stream_writer: b'one two', b'one '
backports.zstd.decompress: b'one two', b'one '
pyzstd.decompress: b'one two', b'one '
SEEN
echo "as stated: four ways into zstandard stop after one frame, two of them return nothing for a skippable one"
