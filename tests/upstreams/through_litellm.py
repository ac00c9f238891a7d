"""openai-python speaks to Atelier, Atelier's `openai` engine to a LiteLLM proxy that answers with mocked responses.

LiteLLM is somebody else's implementation of the same wire, so neither side can agree with itself by mistake. Its picture comes as
a URL on another port, which the engine has to fetch; its text comes as it is, streamed and not.
"""

import base64
import http.server
import json
import os
import pathlib
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib

import openai

BIN = os.environ["ATELIER_BIN"]
PATIENCE_S = 120.0
ANSWER = "a lighthouse, since you ask"


def png(side):
    """A grey square."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x80" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Pictures(http.server.BaseHTTPRequestHandler):
    """Where LiteLLM says that its picture is. It must never be told a key."""

    seen = []

    def do_GET(self):
        Pictures.seen.append(dict(self.headers))
        body = png(1024)
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until_up(url, process, log):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} did not come up:\n{pathlib.Path(log).read_text()[-4000:]}")


def call(method, url, body=None, token=None):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def start_litellm(work, picture_url, master_key):
    deployments = [("gpt-image-2", picture_url), ("gpt-5-mini", ANSWER)]
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_key": "sk-x", "mock_response": mock}}
        for name, mock in deployments
    ]
    config = work / "litellm.json"
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": master_key}}))
    port, log = free_port(), work / "litellm.log"
    program = pathlib.Path(sys.executable).with_name("litellm")
    command = [program, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    process = subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT, env=environment, cwd=work)
    until_up(f"http://127.0.0.1:{port}/health/liveliness", process, log)
    return process, f"http://127.0.0.1:{port}/v1"


def start_atelier(work, key, password):
    port, log = free_port(), work / "atelier.log"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "ATELIER__SERVER__PORT": str(port),
        "ATELIER__DATABASE__PATH": str(work / "data"),
        "ATELIER__GLOBAL__API_KEY": key,
        "ATELIER__GLOBAL__ADMIN_PASSWORD": password,
        "ATELIER__FETCH__ALLOW": "127.0.0.1",
    }
    process = subprocess.Popen([BIN, "serve"], stdout=log.open("w"), stderr=subprocess.STDOUT, env=environment, cwd=work)
    origin = f"http://127.0.0.1:{port}"
    until_up(f"{origin}/health", process, log)
    return process, origin


def check(origin, key, master_key):
    client = openai.OpenAI(base_url=f"{origin}/v1", api_key=key, max_retries=0)
    asked = {"model": "gpt-image-2", "prompt": "a grey square", "size": "1024x1024"}
    made = client.images.generate(**asked)
    body = base64.b64decode(made.data[0].b64_json)
    assert body[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", body[16:24]) == (1024, 1024)
    link = client.images.generate(**asked, response_format="url").data[0].url
    assert link.startswith(f"{origin}/media/"), link
    with urllib.request.urlopen(link) as answer:
        assert answer.read()[:8] == body[:8]
    assert Pictures.seen and not any("authorization" in {name.lower() for name in head} for head in Pictures.seen)
    question = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "what shall I draw?"}]}
    said = client.chat.completions.create(**question)
    assert said.choices[0].message.content == ANSWER, said
    pieces = client.chat.completions.create(**question, stream=True)
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == ANSWER, text
    names = {model.id for model in client.models.list()}
    assert {"gpt-image-2", "gpt-5-mini"} <= names, names
    try:
        client.chat.completions.create(model="no-such-model", messages=question["messages"])
        raise AssertionError("a model that nobody has was answered for")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error.code
        assert master_key not in str(error)


def main():
    pictures = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    threading.Thread(target=pictures.serve_forever, daemon=True).start()
    processes = []
    with tempfile.TemporaryDirectory() as room:
        work = pathlib.Path(room)
        key, password, master_key = (f"sk-{secrets.token_hex(12)}" for _ in range(3))
        try:
            litellm, base_url = start_litellm(work, f"http://127.0.0.1:{pictures.server_port}/a.png", master_key)
            processes.append(litellm)
            atelier, origin = start_atelier(work, key, password)
            processes.append(atelier)
            login = call("POST", f"{origin}/api/login", {"username": "admin", "password": password})
            account = {
                "provider": "openai",
                "name": "litellm",
                "token": master_key,
                "base_url": base_url,
                "dialect": "relay",
                "models": [{"name": "gpt-image-2", "kind": "image"}, {"name": "gpt-5-mini", "kind": "text"}],
            }
            added = call("POST", f"{origin}/api/tokens", account, login["token"])
            assert added["success"], added
            tested = call("POST", f"{origin}/api/tokens/{added['token_id']}/test", {}, login["token"])
            assert tested["status"] == "success", tested
            check(origin, key, master_key)
            assert master_key not in (work / "atelier.log").read_text()
            print("openai-python, Atelier and LiteLLM understand each other")
        except BaseException:
            print((work / "atelier.log").read_text()[-4000:] if (work / "atelier.log").exists() else "")
            raise
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


if __name__ == "__main__":
    main()
