"""Reads an archive with Python: `read.py WAY ARCHIVE`; see ../README.md. What is not in the standard library is imported where it is used."""

import contextlib
import gzip
import hashlib
import os
import sys
import tarfile
import zlib

OUT = sys.stdout.buffer


def line(name, size, mtime, blocks):
    """Prints a file; `blocks` is its content."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    shown = "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte != 0x25 else f"%{byte:02X}" for byte in name)
    OUT.write(f"{digest.hexdigest()} {size} {mtime} {shown}\n".encode())


def blocks_of(file):
    while block := file.read(1 << 20):
        yield block


def list_tar(tar):
    for entry in tar:
        if entry.isfile():
            line(os.fsencode(entry.name), entry.size, repr(entry.mtime), blocks_of(tar.extractfile(entry)))


def copy(blocks):
    for block in blocks:
        OUT.write(block)


def read(path):
    with open(path, "rb") as file:
        return file.read()


# --- the standard library: the archive, or the tar stream in it ---------------


def tar(path):
    with tarfile.open(path) as tar:
        list_tar(tar)


def tar_stream(path):
    """From a pipe, where nothing can be read twice."""
    with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|*") as tar:
        list_tar(tar)


def gzip_open(path):
    with gzip.open(path) as file:
        copy(blocks_of(file))


def zlib_object(path):
    inflater = zlib.decompressobj(31)
    with open(path, "rb") as file:
        copy(inflater.decompress(block) for block in blocks_of(file))
    OUT.write(inflater.flush())


# --- zstd ---------------------------------------------------------------------


def zstandard_iterator(path):
    import zstandard

    with open(path, "rb") as file:
        copy(zstandard.ZstdDecompressor().read_to_iter(file))


def zstandard_reader(path):
    import zstandard

    with open(path, "rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        copy(blocks_of(stream))


def zstandard_decompress(path):
    import zstandard

    # The frame does not tell the length of its content, so the caller has to know a limit.
    OUT.write(zstandard.ZstdDecompressor().decompress(read(path), max_output_size=1 << 28))


def zstandard_object(path):
    import zstandard

    OUT.write(zstandard.ZstdDecompressor().decompressobj().decompress(read(path)))


def zstandard_open(path):
    import zstandard

    with zstandard.open(path, "rb") as file:
        copy(blocks_of(file))


def zstandard_tar(path):
    import zstandard

    with zstandard.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
        list_tar(tar)


def backports_zstd(path):
    from backports import zstd

    OUT.write(zstd.decompress(read(path)))


def backports_tarfile(path):
    from backports.zstd import tarfile as newer

    with newer.open(path, "r:zst") as tar:
        list_tar(tar)


def pyzstd(path):
    import pyzstd

    with pyzstd.open(path) as file:
        copy(blocks_of(file))


# --- gzip ---------------------------------------------------------------------


def igzip(path):
    from isal import igzip

    with igzip.open(path) as file:
        copy(blocks_of(file))


def isal_zlib(path):
    from isal import isal_zlib

    OUT.write(isal_zlib.decompress(read(path), 31))


def gzip_ng(path):
    from zlib_ng import gzip_ng

    with gzip_ng.open(path) as file:
        copy(blocks_of(file))


def zlib_ng(path):
    from zlib_ng import zlib_ng

    OUT.write(zlib_ng.decompress(read(path), 31))


def rapidgzip(path):
    import rapidgzip

    with rapidgzip.open(path, parallelization=2) as file:
        copy(blocks_of(file))


def indexed_gzip(path):
    """From the middle as well: the index is what it is for."""
    import indexed_gzip

    with indexed_gzip.IndexedGzipFile(path) as file:
        file.seek(3 << 20)
        rest = file.read()
        file.seek(0)
        OUT.write(file.read(3 << 20) + rest)


# --- whole archives -------------------------------------------------------------


def libarchive(path):
    import libarchive

    with libarchive.file_reader(path) as archive:
        for entry in archive:
            if entry.isfile:
                # Not `mtime`, which has no fraction.
                line(os.fsencode(entry.pathname), entry.size, entry.mtime, entry.get_blocks())


def ratarmount(path):
    from ratarmountcore.mountsource.factory import open_mount_source

    # It tells on standard output what it does.
    with contextlib.redirect_stdout(sys.stderr):
        source = open_mount_source(path, writeIndex=False)
    folders = ["/"]
    while folders:
        folder = folders.pop()
        for name, about in source.list(folder).items():
            below = folder.rstrip("/") + "/" + name
            if about.mode & 0o170000 == 0o040000:
                folders.append(below)
                continue
            with source.open(source.lookup(below)) as file:
                line(os.fsencode(below[1:]), about.size, repr(about.mtime), blocks_of(file))


# --- over HTTP, decoded by the client; the archive is at the address URL ---------


def with_httpx(_):
    import httpx

    with httpx.stream("GET", os.environ["URL"]) as answer:
        copy(answer.iter_bytes())


def with_aiohttp(_):
    import asyncio

    import aiohttp

    async def fetch():
        async with aiohttp.ClientSession() as session, session.get(os.environ["URL"]) as answer:
            return await answer.read()

    OUT.write(asyncio.run(fetch()))


def with_requests(_):
    import requests

    OUT.write(requests.get(os.environ["URL"], timeout=60).content)


def with_urllib3(_):
    import urllib3

    OUT.write(urllib3.request("GET", os.environ["URL"]).data)


WAYS = {
    "tarfile": tar,
    "tarfile-stream": tar_stream,
    "gzip": gzip_open,
    "zlib": lambda path: OUT.write(zlib.decompress(read(path), 31)),
    "zlib-object": zlib_object,
    "zstandard-decompress": zstandard_decompress,
    "zstandard-iterator": zstandard_iterator,
    "zstandard-object": zstandard_object,
    "zstandard-open": zstandard_open,
    "zstandard-reader": zstandard_reader,
    "zstandard-tarfile": zstandard_tar,
    "backports-zstd": backports_zstd,
    "backports-tarfile": backports_tarfile,
    "pyzstd": pyzstd,
    "igzip": igzip,
    "isal-zlib": isal_zlib,
    "gzip-ng": gzip_ng,
    "zlib-ng": zlib_ng,
    "rapidgzip": rapidgzip,
    "indexed-gzip": indexed_gzip,
    "libarchive": libarchive,
    "ratarmount": ratarmount,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "requests": with_requests,
    "urllib3": with_urllib3,
}


def main():
    way, argument = sys.argv[1:]
    if way == "version":
        from importlib.metadata import version

        print(sys.version.split()[0] if argument == "python" else version(argument))
        return
    try:
        WAYS[way](argument)
    finally:
        OUT.flush()


main()
