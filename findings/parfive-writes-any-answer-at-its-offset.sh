#!/usr/bin/env bash
# parfive 2.3.1 with aiohttp 3.14.5 (PyPI), the downloader of SunPy's and other archives of data.
#
# Expected: whoever asks for a range looks at what came. A server may ignore `Range` and send the
# whole with 200 (RFC 9110, section 14.2), or send less than was asked for: the client reads
# `Content-Range` and asks for what is missing (section 15.3.7).
#
# Happens: parfive splits a file where the server says `Accept-Ranges: bytes`, and writes each body
# at the offset that it asked for, whatever status and Content-Range say. Nothing is reported in
# `errors`.
#
# Seen, for a file of 1,000 bytes in two parts:
#     as asked                            1000 bytes, right   errors: []
#     200 with the whole, each time       1500 bytes, wrong   errors: []
#     206 with at most 300 bytes           800 bytes, wrong   errors: []
#
# Why it matters: caches in front of a server do the second, and servers that limit what one request
# may cost do the third. That file has zeros where bytes are missing; where the last part is short
# enough, also the right size.
#
# What to do: give `checksum=` to `enqueue_file`, or switch the splits off (`max_splits=None`).
set -euo pipefail

work=$(mktemp -d)
server=
trap 'kill ${server:-} 2>/dev/null || true; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q parfive==2.3.1 aiohttp==3.14.5

# --- a server with three ways to answer a range ------------------------------
cat > "$work/server.py" <<'PY'
import http.server, re

FILE = b"".join(b"%09d\n" % n for n in range(100))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(FILE) - 1
        if asked and self.path != "/whole":
            first, last = int(asked[1]), min(int(asked[2] or last), last)
            if self.path == "/short":
                last = min(last, first + 299)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(FILE)}")
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(FILE[first : last + 1])

    do_HEAD = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PY
python3 "$work/server.py" > "$work/port" &
server=$!
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.1; done

cat > "$work/probe.py" <<'PY'
import sys
from parfive import Downloader

RIGHT = b"".join(b"%09d\n" % n for n in range(100))
for path, name in ("/asked", "as asked"), ("/whole", "200 with the whole, each time"), ("/short", "206 with at most 300 bytes"):
    downloader = Downloader(progress=False, max_splits=2)
    downloader.enqueue_file(f"http://127.0.0.1:{sys.argv[1]}{path}", path=sys.argv[2], filename=path[1:])
    result = downloader.download()
    content = open(f"{sys.argv[2]}/{path[1:]}", "rb").read()
    print(f"{name:35} {len(content):4} bytes, {'right' if content == RIGHT else 'wrong'}   errors: {list(result.errors)}")
PY
"$work/venv/bin/python" "$work/probe.py" "$(cat "$work/port")" "$work" > "$work/seen"
cat "$work/seen"

diff - "$work/seen" <<'SEEN' || { echo "the behaviour has changed" >&2; exit 1; }
as asked                            1000 bytes, right   errors: []
200 with the whole, each time       1500 bytes, wrong   errors: []
206 with at most 300 bytes           800 bytes, wrong   errors: []
SEEN
