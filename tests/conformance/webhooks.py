"""Webhooks, as a server that uses a stock SDK takes them."""

import http.server
import queue
import threading

import openai

from cases import raised


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.arrived.put((body, dict(self.headers)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def case_a_webhook_is_proved_and_read_by_the_sdk(place):
    # The one address inside that `run.sh` lets webhooks go to.
    with http.server.HTTPServer(("127.0.0.2", 0), Hook) as server:
        server.arrived = queue.Queue()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        key = place.new_key(metered=False, webhook_url=f"http://127.0.0.2:{server.server_port}/hook")
        client = place.strict_client(key["key"])
        for prompt, outcome in [("a bell", "completed"), ("a mask [[fault:content]]", "failed")]:
            video = client.videos.create_and_poll(prompt=prompt, poll_interval_ms=50)
            body, headers = server.arrived.get(timeout=30)
            event = client.webhooks.unwrap(body, headers, secret=key["webhook_secret"])
            assert (event.type, event.data.id) == (f"video.{outcome}", video.id), event
            forged = body.replace(b"video.", b"movie.")
            raised(
                openai.InvalidWebhookSignatureError,
                lambda: client.webhooks.unwrap(forged, headers, secret=key["webhook_secret"]),
            )
        server.shutdown()
