"""A browser must play what Atelier films: to its end, with every second of it, both from a signed link and from a blob.

Starts an Atelier with an empty data directory, makes a video of four seconds, and lets a headless Chromium play it on a page
of a server of its own, to which the page reports. Files that are broken on purpose must be told from it: a check that
cannot fail proves nothing. Nothing but the standard library is needed; everything stays on loopback.

ATELIER_BIN: the program (default target/debug/atelier). CHROMIUM: the browser (default chromium).
"""

import http.server
import json
import os
import pathlib
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BIN = os.environ.get("ATELIER_BIN", str(TARGET / "debug" / "atelier"))
CHROMIUM = os.environ.get("CHROMIUM", "chromium")
SECONDS = 4
PATIENCE_S = 60.0

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>plays</title>
<video id="film" muted autoplay playsinline></video>
<script>
const asked = new URLSearchParams(location.search);
const film = document.getElementById("film");
const report = (outcome) => {
  const { totalVideoFrames } = film.getVideoPlaybackQuality();
  const facts = { outcome, at: film.currentTime, lasts: film.duration, frames: totalVideoFrames,
                  width: film.videoWidth, height: film.videoHeight, run: asked.get("run"), shades: shades() };
  fetch("/report", { method: "POST", body: JSON.stringify(facts) });
};
// How many colours the last picture has; none when the page may not read it, as it comes from elsewhere.
const shades = () => {
  try {
    const canvas = new OffscreenCanvas(64, 36);
    const context = canvas.getContext("2d");
    context.drawImage(film, 0, 0, 64, 36);
    return new Set(new Uint32Array(context.getImageData(0, 0, 64, 36).data.buffer)).size;
  } catch { return null; }
};
film.onended = () => report("ended");
film.onerror = () => report("error " + film.error.code + ": " + film.error.message);
(async () => {
  if (!asked.get("key")) { film.src = asked.get("from"); return; }
  const answer = await fetch(asked.get("from"), { headers: { authorization: "Bearer " + asked.get("key") } });
  if (!answer.ok) throw new Error("answered " + answer.status);
  film.src = URL.createObjectURL(await answer.blob());
})().catch((error) => report("no file: " + error));
</script>
"""


class Stage:
    """Serves the page and files at paths of our choosing, and takes the page's reports."""

    def __init__(self):
        self.files, self.reports = {}, queue.Queue()
        stage = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                body = PAGE.encode() if path == "/" else stage.files.get(path)
                self.send_response(404 if body is None else 200)
                self.send_header("content-type", "text/html" if path == "/" else "video/mp4")
                self.send_header("content-length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                stage.reports.put(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:
                    pass  # The browser leaves when it has seen enough.

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def played(self, source, key=""):
        """What the page reports of one file; a report of an earlier page is none."""
        run = secrets.token_hex(8)
        asked = urllib.parse.urlencode({"from": source, "key": key, "run": run})
        deadline = time.monotonic() + PATIENCE_S
        with Browser(f"{self.origin}/?{asked}"):
            while True:
                try:
                    told = self.reports.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    sys.exit(f"the browser reported nothing for {PATIENCE_S} s")
                if told.pop("run") == run:
                    return told


class Browser:
    """A Chromium with a profile of its own that shows one page; gone with all its processes at the end."""

    def __init__(self, url):
        self.profile = tempfile.mkdtemp()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
        flags += ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        flags += ["--autoplay-policy=no-user-gesture-required", "--no-proxy-server", "--remote-debugging-port=0"]
        self.log = open(f"{self.profile}/log", "wb")
        self.process = subprocess.Popen(
            [CHROMIUM, *flags, f"--user-data-dir={self.profile}/profile", url],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            # Its session is its own: this ends the processes that it started, and no others.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)


class Gateway:
    """An Atelier on a free port."""

    def __init__(self, room):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.origin, self.password = f"http://127.0.0.1:{port}", secrets.token_hex(16)
        names = {"SERVER__PORT": str(port), "DATABASE__PATH": f"{room}/data", "GLOBAL__ADMIN_PASSWORD": self.password}
        settings = {f"ATELIER__{name}": value for name, value in names.items()}
        with open(f"{room}/log", "wb") as log:
            environment = {"PATH": os.environ["PATH"], "HOME": room, **settings}
            self.process = subprocess.Popen([BIN, "serve"], cwd=room, env=environment, stdout=log, stderr=log)
        self.room = room

    def __enter__(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.called("GET", "/health") and self
            except urllib.error.URLError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("atelier did not start:\n" + pathlib.Path(f"{self.room}/log").read_text())
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def called(self, method, path, token=None, body=None, follow=True):
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.origin + path, data=data, method=method, headers=headers)
        opener = urllib.request.build_opener() if follow else urllib.request.build_opener(Unfollowed)
        with opener.open(request, timeout=30) as answer:
            return answer.headers["location"] if not follow else answer.read()

    def key(self, **settings):
        login = json.loads(self.called("POST", "/api/login", None, {"username": "admin", "password": self.password}))
        made = self.called("POST", "/api/keys", login["token"], {"name": "browser", "metered": False, **settings})
        return json.loads(made)["key"]

    def film(self, key):
        """The id of a new finished video."""
        asked = {"prompt": "a lighthouse in the rain", "seconds": str(SECONDS), "size": "1280x720"}
        video = json.loads(self.called("POST", "/v1/videos", key, asked))
        deadline = time.monotonic() + PATIENCE_S
        while video["status"] in ("queued", "in_progress"):
            assert time.monotonic() < deadline, video
            time.sleep(0.1)
            video = json.loads(self.called("GET", f"/v1/videos/{video['id']}", key))
        assert video["status"] == "completed", video
        return video["id"]


class Unfollowed(urllib.request.HTTPRedirectHandler):
    """A redirect is the answer."""

    def http_error_302(self, request, answer, code, message, headers):
        return answer


def faults(told):
    """What is wrong with how a film played; empty when it played as it should."""
    wrong = []
    if told["outcome"] != "ended":
        return [told["outcome"]]
    if abs(told["at"] - SECONDS) > 0.15 or abs(told["lasts"] - SECONDS) > 0.15:
        wrong.append(f"it ended at {told['at']} of {told['lasts']} s")
    if not told["frames"]:
        wrong.append("no frame was decoded")
    if (told["width"], told["height"]) != (1280, 720):
        wrong.append(f"it is {told['width']}x{told['height']}")
    if told["shades"] is not None and told["shades"] < 8:
        wrong.append(f"its last picture has {told['shades']} colours")
    return wrong


def broken(mp4):
    """Files that must not pass: without its second half, and with noise instead of pictures and sound."""
    at = mp4.index(b"mdat") + 4
    return {"/half.mp4": mp4[: len(mp4) // 2], "/noise.mp4": mp4[:at] + secrets.token_bytes(len(mp4) - at)}


def main():
    stage, failed = Stage(), 0
    with tempfile.TemporaryDirectory() as room, Gateway(room) as gateway:
        plain, linked = gateway.key(), gateway.key(profile="sora2api")
        film, other = gateway.film(plain), gateway.film(linked)
        content = f"/v1/videos/{film}/content"
        link = gateway.called("GET", f"/v1/videos/{other}/content", linked, follow=False)
        stage.files = broken(gateway.called("GET", content, plain))
        for name, source, key, plays in [
            ("a signed link plays to its end", link, "", True),
            ("what a script fetches with its key plays from a blob", gateway.origin + content, plain, True),
            ("half a file is told from a whole one", "/half.mp4", "", False),
            ("noise is told from a film", "/noise.mp4", "", False),
        ]:
            told = stage.played(source, key)
            wrong = faults(told)
            is_right = plays == (not wrong)
            failed += not is_right
            print(f"{name} ... {'ok' if is_right else 'FAILED'}: {'; '.join(wrong) or 'plays'} {told}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
