"""Server-sent events against the hazards that SDKs break on: silence, failure, and every line that a parser trips over."""

import json
import threading
import urllib.request

import openai

from cases import raised
from edits import picture
from responses import TOOL

# Longer than the server's heartbeat: comments come between the events.
SLOW = "[[delay:11000]]"


def streams(client, prompt):
    """Every kind of stream, by name, as a call that begins it."""
    return {
        "images.generate": lambda: client.images.generate(prompt=prompt, stream=True, partial_images=1),
        "images.edit": lambda: client.images.edit(image=picture(), prompt=prompt, stream=True, partial_images=1),
        "responses.create": lambda: client.responses.create(model="m", input=prompt, tools=[TOOL], stream=True),
    }


def case_heartbeats_of_a_slow_job_disturb_no_parser(place):
    last, problems = {}, []

    def follow(name, begin):
        try:
            last[name] = list(begin())[-1].type
        except Exception as error:  # Told by the case, whatever it is.
            problems.append((name, error))

    followers = [
        threading.Thread(target=follow, args=item) for item in streams(place.client, f"a snail {SLOW}").items()
    ]
    for follower in followers:
        follower.start()
    for follower in followers:
        follower.join()
    assert not problems, problems
    assert last == {
        "images.generate": "image_generation.completed",
        "images.edit": "image_edit.completed",
        "responses.create": "response.completed",
    }, last


def case_a_failure_inside_of_a_stream_is_not_taken_for_an_end(place):
    begin = streams(place.client, "a mask [[fault:content]]")
    for name in ["images.generate", "images.edit"]:
        error = raised(openai.APIError, lambda: list(begin[name]()))
        assert error.code == "content_policy_violation", (name, error)
    failed = list(begin["responses.create"]())[-1]
    assert (failed.type, failed.response.error.code) == ("response.failed", "image_content_policy_violation")


def case_no_line_of_a_stream_is_one_that_parsers_trip_over(place):
    bodies = [
        ("/v1/images/generations", {"prompt": "a thread", "stream": True, "partial_images": 2}),
        ("/v1/images/generations", {"prompt": "a thread [[fault:overloaded]]", "stream": True}),
        ("/v1/responses", {"model": "m", "input": "a thread", "tools": [TOOL], "stream": True}),
        ("/v1/responses", {"model": "m", "input": "a thread [[fault:content]]", "tools": [TOOL], "stream": True}),
    ]
    for path, body in bodies:
        request = urllib.request.Request(place.origin + path, json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {place.key}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.headers.get_content_type() == "text/event-stream"
            text = answer.read().decode()
        assert text.endswith("\n\n"), "a last event without a blank line is lost"
        assert "\r" not in text and "\ufeff" not in text
        for block in text.split("\n\n")[:-1]:
            lines = block.split("\n")
            if all(line.startswith(":") for line in lines):
                continue
            names = [line.split(":", 1)[0] for line in lines]
            assert names == ["event", "data"], block[:200]
            assert isinstance(json.loads(lines[1].removeprefix("data: ")), dict)
