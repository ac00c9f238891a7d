"""Chat completions through stock SDKs: pictures and videos asked for by messages, plain and streamed, and how both go wrong."""

import base64
import io
import json
import re
import threading
import urllib.request
import uuid

import openai
from PIL import Image

from cases import balance, fetched, raised
from edits import picture
from videos import judged

SMALL = "gpt-image"


def said(text):
    return [{"role": "user", "content": text}]


def links(content):
    """What a chat's Markdown or player leads to."""
    return re.findall(r"!\[image\]\(([^)]+)\)", content) or re.findall(r"<video src='([^']+)' controls></video>", content)


def shown(url):
    return Image.open(io.BytesIO(fetched(url)[1]))


def case_a_message_gives_a_picture(place):
    client = place.metered_client(3)
    answer = client.chat.completions.create(model=SMALL, messages=said("a lighthouse"), n=2)
    [choice] = answer.choices
    assert (answer.object, answer.model, choice.finish_reason) == ("chat.completion", SMALL, "stop")
    assert [shown(url).size for url in links(choice.message.content)] == [(360, 360)] * 2
    assert answer.usage.total_tokens == 0 and answer.usage.credits_charged == 2
    assert balance(client) == 1


def case_a_streamed_message_gives_a_picture(place):
    chunks = list(
        place.client.chat.completions.create(
            model=SMALL,
            messages=said("a lighthouse [[delay:1500]]"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    *spoken, usage = chunks
    assert usage.choices == [] and usage.usage.total_tokens == 0
    deltas = [chunk.choices[0].delta for chunk in spoken]
    assert deltas[0].role == "assistant"
    assert "Drawing" in "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    [url] = links("".join(delta.content or "" for delta in deltas))
    assert shown(url).size == (360, 360)
    assert [chunk.choices[0].finish_reason for chunk in spoken if chunk.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1


def case_the_streaming_helper_adds_the_pieces_up(place):
    with place.client.chat.completions.stream(model=SMALL, messages=said("a pier")) as stream:
        for _ in stream:
            pass
        whole = stream.get_final_completion()
    assert links(whole.choices[0].message.content) and whole.choices[0].finish_reason == "stop"


def case_a_picture_in_a_message_is_worked_from(place):
    data = "data:image/png;base64," + base64.b64encode(picture()).decode()
    parts = [{"type": "text", "text": "the same at night"}, {"type": "image_url", "image_url": {"url": data}}]
    answer = place.client.chat.completions.create(model="nano-banana", messages=said(parts))
    [url] = links(answer.choices[0].message.content)
    wide, high = Image.open(io.BytesIO(picture())).size
    size = shown(url).size
    assert size[0] * high == size[1] * wide, "an edit without a size has its picture's shape"


def case_a_message_gives_a_video_and_another_remixes_it(place):
    raw = place.client.chat.completions.with_raw_response
    first = raw.create(model="sora-2", messages=said("a harbour"), extra_body={"seconds": "4"})
    [url] = links(first.parse().choices[0].message.content)
    judged(fetched(url)[1])
    video = first.headers["x-job-id"].replace("job_", "video_")
    assert place.client.videos.retrieve(video).status == "completed"
    shared = f"https://sora.chatgpt.com/p/{video.replace('video_', 's_')} in a storm"
    chunks = list(place.client.chat.completions.create(model="sora-2", messages=said(shared), stream=True))
    [url] = links("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
    judged(fetched(url)[1])


def case_what_cannot_be_made_raises_what_the_sdk_knows(place):
    create = place.client.chat.completions.create
    error = raised(openai.NotFoundError, lambda: create(model="gpt-5.5", messages=said("hello")))
    assert (error.code, error.param) == ("model_not_found", "model")
    error = raised(openai.BadRequestError, lambda: create(model=SMALL, messages=said("[[fault:content]]")))
    assert error.code == "content_policy_violation"
    error = raised(openai.UnprocessableEntityError, lambda: create(model=SMALL, messages=[]))
    assert error.code == "bad_messages"
    error = raised(openai.PermissionDeniedError, lambda: create(model="sora2pro-landscape-10s", messages=said("a")))
    assert error.code == "plan_required"


def case_a_failure_inside_of_a_streamed_chat_raises(place):
    client = place.metered_client(2)
    begin = client.chat.completions.create(model=SMALL, messages=said("a mask [[fault:content]]"), stream=True)
    error = raised(openai.APIError, lambda: list(begin))
    assert (error.code, balance(client)) == ("content_policy_violation", 2)


def case_a_retry_of_a_chat_is_paid_once(place):
    client = place.metered_client(5)
    raw = client.chat.completions.with_raw_response
    body = {"model": SMALL, "messages": said(f"a pier {uuid.uuid4()}")}
    first = raw.create(**body)
    again = raw.create(**body, extra_headers={"x-stainless-retry-count": "1"})
    assert again.headers["x-job-id"] == first.headers["x-job-id"]
    assert balance(client) == 4


def case_chats_that_wait_disturb_no_parser(place):
    """More of them at once than there are places: some only hear that they wait."""
    ends, problems = [], []

    def follow():
        try:
            stream = place.client.chat.completions.create(
                model=SMALL, messages=said(f"a snail {uuid.uuid4()} [[delay:6500]]"), stream=True
            )
            ends.append(list(stream)[-1].choices[0].finish_reason)
        except Exception as error:  # Told by the case, whatever it is.
            problems.append(error)

    followers = [threading.Thread(target=follow) for _ in range(24)]
    for follower in followers:
        follower.start()
    for follower in followers:
        follower.join()
    assert not problems, problems
    assert ends == ["stop"] * len(followers)


def raw_stream(place, body):
    request = urllib.request.Request(place.origin + "/v1/chat/completions", json.dumps(body | {"stream": True}).encode())
    request.add_header("Authorization", f"Bearer {place.key}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers.get_content_type() == "text/event-stream"
        return answer.read().decode()


def case_no_line_of_a_chat_is_one_that_parsers_trip_over(place):
    for prompt, failing in [("a thread [[delay:300]]", False), ("a thread [[fault:content]]", True)]:
        text = raw_stream(place, {"model": SMALL, "messages": said(prompt), "stream_options": {"include_usage": True}})
        assert text.endswith("\n\ndata: [DONE]\n\n"), text[-200:]
        assert "\r" not in text and "\ufeff" not in text
        blocks = [block for block in text.split("\n\n")[:-2] if not block.startswith(":")]
        if failing:
            name, data = blocks.pop().split("\n")
            assert name == "event: error" and json.loads(data.removeprefix("data: "))["error"]["code"]
        for block in blocks:
            assert "\n" not in block and isinstance(json.loads(block.removeprefix("data: ")), dict), block[:200]
