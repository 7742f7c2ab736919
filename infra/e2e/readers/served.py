"""`served.py ARCHIVE COMMAND…`: serves an archive on loopback, and runs a command with its address in URL.

At /archive it is served with the `Content-Encoding` that its name ends in, so that the client decodes it. At /page is a page that reads
/plain with the browser's own DecompressionStream and sends what comes out back, which then goes to standard output; the browser is ended.
"""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODINGS = {".gz": "gzip", ".zst": "zstd"}
PAGE = b"""<!doctype html><script>
async function read() {
  try {
    const answer = await fetch(location.search === '?encoded' ? '/archive' : '/plain');
    const stream = location.search === '?encoded' ? answer.body
      : answer.body.pipeThrough(new DecompressionStream('gzip'));
    await fetch('/result', { method: 'POST', body: await new Response(stream).blob() });
  } catch (error) {
    await fetch('/failed', { method: 'POST', body: String(error) });
  }
}
read();
</script>"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, *headers):
        self.send_response(200)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/page"):
            self.answer(PAGE, ("Content-Type", "text/html"))
        elif self.path == "/archive":
            self.answer(ARCHIVE, ("Content-Type", "application/x-tar"), ("Content-Encoding", CODING))
        else:
            self.answer(ARCHIVE, ("Content-Type", "application/octet-stream"))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"")
        if self.path == "/result":
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
        else:
            sys.stderr.write(body.decode() + "\n")
            outcome.append(1)
        done.set()


with open(sys.argv[1], "rb") as file:
    ARCHIVE = file.read()
CODING = CODINGS[os.path.splitext(sys.argv[1])[1]]
done, outcome = threading.Event(), []
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
origin = f"http://127.0.0.1:{server.server_port}"
command = sys.argv[2:]
page = next((word for word in command if word.startswith("/page")), None)
if page:
    command[command.index(page)] = origin + page
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    answered = done.wait(60)
    browser.terminate()
    browser.wait()
    sys.exit("the page said nothing within 60 s" if not answered else 1 if outcome else 0)
sys.exit(subprocess.run(command, env={**os.environ, "URL": origin + "/archive"}).returncode)
