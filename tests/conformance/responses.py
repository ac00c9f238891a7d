"""The Responses API with the tool image_generation, as stock SDKs use it."""

import base64
import io

import openai
from PIL import Image

from cases import balance, polled, raised
from edits import picture

TOOL = {"type": "image_generation", "size": "1024x1024", "quality": "medium", "output_format": "png"}


def drawn(response):
    """The picture of a response; fails when there is not exactly one."""
    calls = [item for item in response.output if item.type == "image_generation_call"]
    assert [call.status for call in calls] == ["completed"], response
    image = Image.open(io.BytesIO(base64.b64decode(calls[0].result, validate=True)))
    image.load()
    return image


def create(client, **params):
    return client.responses.create(model="gpt-5.5", tools=[TOOL], **{"input": "a lighthouse", **params})


def case_a_response_brings_its_picture(place):
    client = place.metered_client(5)
    response = create(client, metadata={"who": "me"}, instructions="be kind")
    assert (response.status, response.model, response.object) == ("completed", "gpt-5.5", "response")
    assert drawn(response).size == (1024, 1024)
    assert response.usage.total_tokens == 0 and response.metadata == {"who": "me"}
    assert balance(client) == 4
    again = client.responses.retrieve(response.id)
    assert again.output[0].result == response.output[0].result


def case_a_second_response_edits_the_first_ones_picture(place):
    first = create(place.client, input="a boat")
    alone = create(place.client, input="at night")
    by_response = create(place.client, input="at night", previous_response_id=first.id)
    by_call = create(
        place.client,
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "at night"}]},
            {"type": "image_generation_call", "id": first.output[0].id, "status": "completed", "result": None},
        ],
    )
    assert drawn(by_response) == drawn(by_call) != drawn(alone)


def case_an_input_image_is_worked_from(place):
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    content = [{"type": "input_text", "text": "a hat"}, {"type": "input_image", "image_url": url, "detail": "auto"}]
    response = create(place.client, input=[{"role": "user", "content": content}])
    assert drawn(response) != drawn(create(place.client, input="a hat"))


def case_a_streamed_response_is_whole(place):
    events = list(
        place.client.responses.create(
            model="gpt-5.5", input="a tower", tools=[{**TOOL, "partial_images": 2}], stream=True
        )
    )
    call = "response.image_generation_call."
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        call + "in_progress",
        call + "generating",
        call + "partial_image",
        call + "partial_image",
        call + "completed",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(10))
    assert drawn(events[-1].response).size == (1024, 1024)


def case_the_stream_helper_gathers_the_response(place):
    with place.client.responses.stream(model="gpt-5.5", input="a helper", tools=[TOOL]) as stream:
        types = [event.type for event in stream]
        final = stream.get_final_response()
    assert types[0] == "response.created" and types[-1] == "response.completed"
    assert drawn(final).size == (1024, 1024)


def case_a_background_response_is_polled_and_deleted(place):
    response = create(place.client, background=True)
    assert response.status in ("queued", "in_progress")
    done = polled(lambda: place.client.responses.retrieve(response.id).model_dump(), ("queued", "in_progress"))
    assert done["status"] == "completed" and done["output"][0]["result"]
    assert place.client.responses.delete(response.id) is None
    raised(openai.NotFoundError, lambda: place.client.responses.retrieve(response.id))


def case_a_running_response_is_cancelled(place):
    client = place.metered_client(1)
    response = create(client, input="a tower [[delay:600000]]", background=True)
    assert client.responses.cancel(response.id).status == "cancelled"
    assert balance(client) == 1


def case_what_the_tool_does_not_know_is_named(place):
    error = raised(
        openai.BadRequestError,
        lambda: place.client.responses.create(model="gpt-5.5", input="a", tools=[{**TOOL, "n": 2}]),
    )
    assert (error.code, error.param) == ("unknown_parameter", "tools[0].n")
    error = raised(openai.NotFoundError, lambda: place.client.responses.create(model="gpt-5.5", input="hello"))
    assert error.code == "model_not_found"


def case_a_refused_response_raises_and_costs_nothing(place):
    client = place.metered_client(1)
    error = raised(openai.BadRequestError, lambda: create(client, input="a mask [[fault:content]]"))
    assert (error.code, balance(client)) == ("content_policy_violation", 1)
