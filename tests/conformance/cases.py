"""What a stock OpenAI SDK must get from Atelier. Each case is named by what it finds intact.

A case gets a `Place`: the server's address, its first (unmetered) key, and a strict client, which raises on every
answer that the SDK's own types do not allow.
"""

import base64
import io
import time
import urllib.request
import uuid
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

import openai
from PIL import Image

POLL_LIMIT_S = 60.0


@dataclass
class Place:
    origin: str
    key: str
    admin_password: str
    client: openai.OpenAI = field(init=False)

    def __post_init__(self):
        self.client = self.strict_client(self.key)

    def strict_client(self, key):
        return openai.OpenAI(
            base_url=f"{self.origin}/v1",
            api_key=key,
            timeout=120.0,
            max_retries=0,
            _strict_response_validation=True,
        )

    def metered_client(self, credits):
        """A client whose key has so much credit and no more."""
        return self.strict_client(self.new_key(metered=True, credits=credits)["key"])

    def new_key(self, **asked):
        """A key as the administrator's answer shows it once."""
        admin = self.strict_client("unused").with_options(base_url=f"{self.origin}/api")
        login = admin.post("/login", cast_to=object, body={"username": "admin", "password": self.admin_password})
        assert login["success"] is True, login
        return admin.post(
            "/keys",
            cast_to=object,
            body={"name": f"conformance {uuid.uuid4()}", **asked},
            options={"headers": {"Authorization": f"Bearer {login['token']}"}},
        )


def decoded(item):
    """The picture of one `data[]` item; fails when the bytes are not a whole, readable file."""
    picture = Image.open(io.BytesIO(base64.b64decode(item.b64_json, validate=True)))
    picture.load()
    return picture


def fetched(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200
        return answer.headers.get_content_type(), answer.read()


def raised(error_class, call):
    try:
        call()
    except error_class as error:
        return error
    raise AssertionError(f"expected {error_class.__name__}, but the call succeeded")


def is_3(version=openai.__version__):
    return int(version.split(".")[0]) >= 3


def extended(**params):
    """Parameters that 3.x has as arguments and 2.x only as extra fields of the body."""
    return params if is_3() else {"extra_body": params}


def balance(client):
    return client.get("/credits", cast_to=object)["balance"]


# Pictures


def case_a_bare_prompt_gives_a_square_png(place):
    answer = place.client.images.generate(prompt="a lighthouse")
    assert len(answer.data) == 1
    picture = decoded(answer.data[0])
    assert (picture.format, picture.size) == ("PNG", (1024, 1024))
    assert abs(answer.created - time.time()) < 300


def case_three_outputs_are_three_pictures(place):
    answer = place.client.images.generate(model="gpt-image-2", prompt="three boats", n=3, size="1024x1024")
    assert [decoded(item).size for item in answer.data] == [(1024, 1024)] * 3
    assert len({item.b64_json for item in answer.data}) == 3, "the outputs are copies of each other"


def case_sizes_are_exact(place):
    for size in [(1536, 1024), (1024, 1536), (3840, 2160)]:
        text = f"{size[0]}x{size[1]}"
        answer = place.client.images.generate(model="gpt-image-2", prompt="a ridge", size=text)
        assert decoded(answer.data[0]).size == size, text


def case_jpeg_obeys_compression(place):
    def length(compression):
        answer = place.client.images.generate(
            model="gpt-image-2",
            prompt="a meadow",
            size="1024x1024",
            quality="low",
            output_format="jpeg",
            output_compression=compression,
            extra_body={"seed": 7},
        )
        picture = decoded(answer.data[0])
        assert (picture.format, picture.size) == ("JPEG", (1024, 1024))
        return len(answer.data[0].b64_json)

    assert length(20) < length(95)


def case_webp_with_quality_decodes(place):
    answer = place.client.images.generate(
        model="gpt-image-2",
        prompt="a harbour",
        size="1024x1024",
        quality="high",
        output_format="webp",
        output_compression=60,
    )
    picture = decoded(answer.data[0])
    assert (picture.format, picture.size) == ("WEBP", (1024, 1024))


def case_gif_has_the_frames_that_were_asked_for(place):
    answer = place.client.images.generate(
        model="gpt-image-2",
        prompt="a wheel",
        size="1024x1024",
        **extended(output_format="gif", frame_count=3, frame_duration_ms=100),
    )
    picture = decoded(answer.data[0])
    assert (picture.format, picture.size, picture.n_frames) == ("GIF", (1024, 1024), 3)
    assert picture.info["duration"] == 100


def case_svg_is_a_document_of_the_size(place):
    answer = place.client.images.generate(
        model="gpt-image-2", prompt="a <leaf> & a stem", size="1024x1024", **extended(output_format="svg")
    )
    root = ElementTree.fromstring(base64.b64decode(answer.data[0].b64_json, validate=True))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox", "").split()[2:] == ["1024", "1024"] or root.get("width", "").rstrip("px") == "1024"


def case_a_transparent_background_is_transparent(place):
    answer = place.client.images.generate(
        model="gpt-image-2", prompt="a fern", size="1024x1024", background="transparent", output_format="png"
    )
    lowest, _ = decoded(answer.data[0]).convert("RGBA").getchannel("A").getextrema()
    assert lowest == 0


def case_a_link_leads_to_the_picture(place):
    answer = place.client.images.generate(
        model="gpt-image-2", prompt="a gate", size="1536x1024", response_format="url"
    )
    assert answer.data[0].b64_json is None
    media_type, body = fetched(answer.data[0].url)
    assert (media_type, Image.open(io.BytesIO(body)).size) == ("image/png", (1536, 1024))


def case_the_old_names_default_to_links(place):
    for model in ["dall-e-2", "dall-e-3"]:
        answer = place.client.images.generate(model=model, prompt="a kite", size="1024x1024")
        _, body = fetched(answer.data[0].url)
        assert Image.open(io.BytesIO(body)).size == (1024, 1024), model


def case_usage_is_whole_and_tells_the_charge(place):
    client = place.metered_client(10)
    answer = client.images.generate(model="gpt-image-2", prompt="a coin", n=2, size="1024x1024")
    details = answer.usage.input_tokens_details
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert details.text_tokens >= 0 and details.image_tokens >= 0
    assert (answer.usage.credits_charged, answer.usage.credits_remaining) == (2, 8)
    assert balance(client) == 8


# Streams


def case_a_stream_brings_two_partials_then_the_picture(place):
    events = list(
        place.client.images.generate(
            model="gpt-image-2", prompt="a tower", size="1024x1024", stream=True, partial_images=2
        )
    )
    types = [event.type for event in events]
    partial, completed = "image_generation.partial_image", "image_generation.completed"
    assert types == [partial, partial, completed], types
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert [decoded(event).format for event in events] == ["PNG"] * 3
    assert decoded(events[2]).size == (1024, 1024)
    assert events[2].usage.input_tokens_details.text_tokens >= 0
    assert events[0].b64_json != events[2].b64_json, "the first partial is the final picture"


def case_a_stream_of_two_outputs_completes_twice(place):
    events = list(
        place.client.images.generate(model="gpt-image-2", prompt="two towers", size="1024x1024", n=2, stream=True)
    )
    assert [event.type for event in events] == ["image_generation.completed"] * 2


# Background jobs


def case_a_background_job_is_polled_to_its_picture(place):
    submit = place.client.images.generate(
        model="gpt-image-1",
        prompt="photorealistic 4K landscape, mountain reflection in lake at sunset",
        quality="high",
        n=1,
        extra_body={"background": True},
    )
    assert submit.status == "queued" and submit.id and submit.object == "image.job"
    job = polled(lambda: place.client.get(f"/images/jobs/{submit.id}", cast_to=object))
    assert job["status"] == "succeeded", job
    picture = Image.open(io.BytesIO(base64.b64decode(job["result"]["data"][0]["b64_json"])))
    assert picture.format == "PNG"
    assert job["request"]["n"] == 1 and job["completed"] >= job["created"]


def case_a_job_is_found_where_older_examples_look(place):
    """They ask the SDK's inner HTTP client, which puts the base URL's /v1 before the /v1 of their path."""
    submit = place.client.images.generate(model="gpt-image-1", prompt="a lake", extra_body={"background": True})
    inner, path = place.client._client, f"/v1/images/jobs/{submit.id}"
    job = polled(lambda: inner.get(path, headers=place.client.auth_headers).raise_for_status().json())
    assert job["status"] == "succeeded", job


def polled(get, running=("queued", "running")):
    deadline = time.monotonic() + POLL_LIMIT_S
    while True:
        job = get()
        if job["status"] not in running:
            return job
        assert time.monotonic() < deadline, f"still {job['status']} after {POLL_LIMIT_S} s"
        time.sleep(0.05)


# Paying once


def case_a_retry_of_the_sdk_joins_the_job_it_repeats(place):
    client = place.metered_client(10)
    raw = client.images.with_raw_response
    body = {"model": "gpt-image-2", "prompt": f"a pier {uuid.uuid4()}", "size": "1024x1024"}
    first = raw.generate(**body)
    again = raw.generate(**body, extra_headers={"x-stainless-retry-count": "1"})
    assert again.headers["x-job-id"] == first.headers["x-job-id"]
    assert again.parse().data[0].b64_json == first.parse().data[0].b64_json
    assert balance(client) == 9, "the retry was charged"
    another = raw.generate(**body)
    assert another.headers["x-job-id"] != first.headers["x-job-id"], "a new request was taken for a retry"
    assert balance(client) == 8


def case_an_idempotency_key_replays_the_answer(place):
    client = place.metered_client(10)
    raw = client.images.with_raw_response
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"model": "gpt-image-2", "prompt": "a quay", "size": "1024x1024", "extra_headers": headers}
    first = raw.generate(**body)
    again = raw.generate(**body)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-job-id"] == first.headers["x-job-id"]
    assert again.parse().data[0].b64_json == first.parse().data[0].b64_json
    assert balance(client) == 9, "the replay was charged"
    changed = {**body, "prompt": "another quay"}
    error = raised(openai.UnprocessableEntityError, lambda: raw.generate(**changed))
    assert error.code == "idempotency_mismatch"


def case_a_key_without_credit_is_told_so_once(place):
    client = place.metered_client(0).with_options(max_retries=2)
    error = raised(openai.APIStatusError, lambda: client.images.generate(prompt="a debt"))
    assert (error.status_code, error.code) == (402, "insufficient_credits")
    assert error.response.headers["x-should-retry"] == "false"


def case_refused_content_costs_nothing(place):
    client = place.metered_client(10)
    raised(openai.BadRequestError, lambda: client.images.generate(prompt="a mask [[fault:content]]"))
    assert balance(client) == 10


# Models, and errors


def case_models_are_listed_and_found_by_name(place):
    listed = place.client.models.list().data
    assert len({model.id for model in listed}) == len(listed)
    for name in ["gpt-image-2", "gpt-image-1", "dall-e-3"]:
        assert name in {model.id for model in listed}, name
        model = place.client.models.retrieve(name)
        assert (model.id, model.object) == (name, "model")


def case_a_model_that_nobody_has_is_not_found(place):
    for name in ["no-such-model", "nobody/no-such-model"]:
        error = raised(openai.NotFoundError, lambda: place.client.models.retrieve(name))
        assert error.code == "model_not_found", error.body


def case_a_wrong_key_is_an_authentication_error(place):
    client = place.strict_client("sk-wrong")
    error = raised(openai.AuthenticationError, lambda: client.images.generate(prompt="a lock"))
    assert error.code == "invalid_key"


def case_an_unknown_model_is_a_bad_request(place):
    error = raised(
        openai.BadRequestError, lambda: place.client.images.generate(model="no-such-model", prompt="a void")
    )
    assert error.code == "unknown_model"


def case_every_broken_size_rule_is_told(place):
    for size in ["1000x1000", "4112x1376", "3072x1008", "512x512", "4096x4096", "1024by1024"]:
        error = raised(
            openai.UnprocessableEntityError,
            lambda: place.client.images.generate(model="gpt-image-2", prompt="a sheet", size=size),
        )
        assert error.code == "bad_size", (size, error.body)


def case_eleven_outputs_are_refused(place):
    error = raised(
        openai.UnprocessableEntityError, lambda: place.client.images.generate(prompt="many", n=11)
    )
    assert error.code.startswith("bad_") and error.param == "n", error.body


def case_an_empty_prompt_is_a_bad_request(place):
    error = raised(openai.BadRequestError, lambda: place.client.images.generate(prompt=""))
    assert error.code == "missing_prompt"


def case_every_answer_has_a_request_id(place):
    answer = place.client.images.generate(prompt="a stamp")
    error = raised(openai.NotFoundError, lambda: place.client.models.retrieve("no-such-model"))
    assert answer._request_id and error.request_id and answer._request_id != error.request_id
