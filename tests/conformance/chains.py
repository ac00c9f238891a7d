"""LangChain's `ChatOpenAI` against Atelier: it reads chat streams in a way of its own."""

import base64

import openai
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from cases import raised
from chats import SMALL, links, shown
from edits import picture


def model(place, name=SMALL, **more):
    return ChatOpenAI(model=name, base_url=f"{place.origin}/v1", api_key=place.key, max_retries=0, **more)


def case_langchain_gets_a_picture(place):
    answer = model(place).invoke("a lighthouse")
    assert [shown(url).size for url in links(answer.content)] == [(360, 360)]
    assert answer.response_metadata["finish_reason"] == "stop"


def case_langchain_streams_a_picture_and_counts_what_was_used(place):
    whole = None
    for chunk in model(place, stream_usage=True).stream("a lighthouse [[delay:1500]]"):
        whole = chunk if whole is None else whole + chunk
    assert len(links(whole.content)) == 1 and shown(links(whole.content)[0]).size == (360, 360)
    assert whole.usage_metadata["total_tokens"] == 0
    assert whole.response_metadata["finish_reason"] == "stop"


def case_langchain_sends_a_picture_along(place):
    data = "data:image/png;base64," + base64.b64encode(picture()).decode()
    for part in [
        {"type": "image_url", "image_url": {"url": data}},
        {"type": "image", "base64": data.split(",")[1], "mime_type": "image/png"},
    ]:
        message = HumanMessage([{"type": "text", "text": "the same at night"}, part])
        assert links(model(place, "nano-banana").invoke([message]).content)


def case_langchain_streams_a_video(place):
    chunks = list(model(place, "sora-2", extra_body={"seconds": "4"}).stream("a kite"))
    assert len(links("".join(chunk.content for chunk in chunks))) == 1


def case_langchain_raises_what_went_wrong(place):
    error = raised(openai.NotFoundError, lambda: model(place, "gpt-5.5").invoke("hello"))
    assert error.code == "model_not_found"
    error = raised(openai.APIError, lambda: list(model(place).stream("[[fault:content]]")))
    assert error.code == "content_policy_violation"
