"""Videos, as stock SDKs and the raw requests of other clients make them, poll them, fetch them and build on them."""

import base64
import functools
import io
import json
import random
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
import uuid

import openai
from PIL import Image

from cases import balance, polled, raised
from edits import picture

RUNNING = ("queued", "in_progress")
LANDSCAPE = (1280, 720)


@functools.cache
def source(client):
    """One finished video of four seconds and its file, for every case that needs one: it is made once."""
    video = client.videos.create_and_poll(
        model="sora-2", prompt="a calm ocean wave", seconds="4", size="1280x720", poll_interval_ms=100
    )
    assert video.status == "completed", video
    return video, client.videos.download_content(video.id).read()


def boxes(mp4):
    """The top-level boxes of an MP4, in order; fails when they do not fill the file exactly."""
    kinds, at = [], 0
    while at < len(mp4):
        length = int.from_bytes(mp4[at : at + 4], "big")
        assert 8 <= length <= len(mp4) - at, f"a box of {length} bytes at {at} of {len(mp4)}"
        kinds.append(mp4[at + 4 : at + 8].decode("ascii"))
        at += length
    return kinds


def judged(mp4, seconds=4, size=LANDSCAPE):
    """Fails unless this is a whole film of that length and size, which can be played while it is loaded."""
    kinds = boxes(mp4)
    assert kinds[0] == "ftyp" and kinds.index("moov") < kinds.index("mdat"), kinds
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(mp4)
        file.flush()
        assert shutil.which("ffprobe"), "ffprobe is needed: `.ci/run prepare`"
        command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", file.name]
        probed = subprocess.run(command, capture_output=True, check=True, text=True)
    assert not probed.stderr, probed.stderr
    streams = {stream["codec_type"]: stream for stream in json.loads(probed.stdout)["streams"]}
    film, sound = streams["video"], streams["audio"]
    assert (film["codec_name"], film["width"], film["height"]) == ("h264", *size), film
    assert int(film["nb_read_frames"]) == 24 * seconds, film["nb_read_frames"]
    assert abs(float(sound["duration"]) - seconds) < 0.05, sound["duration"]


def judged_still(body, form):
    still = Image.open(io.BytesIO(body))
    still.load()
    assert still.format == form, still.format
    return still.size


# The SDK


def case_a_video_is_made_polled_and_kept(place):
    client = place.metered_client(5)
    video = client.videos.create_and_poll(model="sora-2", prompt="a heron", seconds="4", size="720x1280")
    assert (video.status, video.progress, video.error) == ("completed", 100, None), video
    assert (video.seconds, video.size, video.model, video.prompt) == ("4", "720x1280", "sora-2", "a heron")
    assert video.created_at <= video.completed_at < video.expires_at and video.remixed_from_video_id is None
    assert client.videos.retrieve(video.id) == video
    judged(client.videos.download_content(video.id).read(), size=(720, 1280))
    assert balance(client) == 0


def case_a_new_video_is_queued_and_says_when_to_ask(place):
    answer = place.client.videos.with_raw_response.create(prompt="a fox [[delay:60000]]")
    video = answer.parse()
    assert (answer.status_code, video.status, video.progress) == (200, "queued", 0)
    assert int(answer.headers["openai-poll-after-ms"]) > 0
    error = raised(openai.APIStatusError, lambda: place.client.videos.download_content(video.id))
    assert (error.status_code, error.code) == (425, "video_not_ready"), error.body
    assert place.client.videos.delete(video.id).deleted


def case_every_variant_is_a_file_of_its_kind(place):
    video, mp4 = source(place.client)
    judged(mp4)
    plain = place.client.videos.download_content(video.id, variant="video")
    assert plain.response.headers["content-type"] == "video/mp4" and plain.read() == mp4
    thumbnail = place.client.videos.download_content(video.id, variant="thumbnail")
    assert thumbnail.response.headers["content-type"] == "image/webp"
    width, height = judged_still(thumbnail.read(), "WEBP")
    assert abs(width / height - 16 / 9) < 0.05, (width, height)
    spritesheet = place.client.videos.download_content(video.id, variant="spritesheet")
    assert spritesheet.response.headers["content-type"] == "image/jpeg"
    assert min(judged_still(spritesheet.read(), "JPEG")) > 100


def case_a_video_begins_with_the_picture_it_is_given(place):
    sent = picture(size=LANDSCAPE)
    video = place.client.videos.create_and_poll(
        prompt="it comes to life", seconds="4", size="1280x720", input_reference=("a.png", sent), poll_interval_ms=100
    )
    assert video.status == "completed", video
    first = first_frame(place.client.videos.download_content(video.id).read())
    wanted = Image.open(io.BytesIO(sent)).convert("RGB")
    for place_in_it in [(200, 100), (640, 360), (1000, 600)]:
        pairs = zip(first.getpixel(place_in_it), wanted.getpixel(place_in_it))
        assert max(abs(one - other) for one, other in pairs) < 24, place_in_it


def first_frame(mp4):
    with tempfile.TemporaryDirectory() as room:
        with open(f"{room}/a.mp4", "wb") as file:
            file.write(mp4)
        command = ["ffmpeg", "-v", "error", "-i", "a.mp4", "-frames:v", "1", "a.png"]
        subprocess.run(command, cwd=room, check=True)
        return Image.open(f"{room}/a.png").convert("RGB")


def case_all_pages_of_videos_are_walked_and_each_is_deleted(place):
    client = place.metered_client(25)
    made = [client.videos.create(prompt=f"a film {number} [[delay:60000]]").id for number in range(4)]
    assert [video.id for video in client.videos.list(limit=2)] == made[::-1]
    assert [video.id for video in client.videos.list(limit=3, order="asc")] == made
    page = client.videos.list(limit=3, after=made[3])
    assert [video.id for video in page.data] == made[2::-1] and not page.has_next_page()
    for video in made:
        gone = client.videos.delete(video)
        assert (gone.id, gone.object, gone.deleted) == (video, "video.deleted", True)
        error = raised(openai.NotFoundError, lambda: client.videos.retrieve(video))
        assert error.code == "video_not_found"
    assert not list(client.videos.list()) and balance(client) == 25


def case_a_remix_tells_what_it_derives_from(place):
    video, mp4 = source(place.client)
    remix = place.client.videos.remix(video.id, prompt="at night")
    assert remix.remixed_from_video_id == video.id and remix.status == "queued"
    remix = place.client.videos.poll(remix.id, poll_interval_ms=100)
    assert (remix.status, remix.seconds, remix.size) == ("completed", "4", "1280x720"), remix
    body = place.client.videos.download_content(remix.id).read()
    judged(body)
    assert body != mp4, "the remix is its source"


def case_a_file_is_edited_and_extended(place):
    _, mp4 = source(place.client)
    edit = place.client.videos.edit(prompt="in winter", video=("a.mp4", mp4, "video/mp4"))
    longer = place.client.videos.extend(prompt="it lands", seconds="4", video=("a.mp4", mp4, "video/mp4"))
    for video, seconds in [(edit, 4), (longer, 8)]:
        video = place.client.videos.poll(video.id, poll_interval_ms=100)
        assert (video.status, video.seconds, video.size) == ("completed", str(seconds), "1280x720"), video
        judged(place.client.videos.download_content(video.id).read(), seconds)


def case_a_character_is_made_and_found_again(place):
    _, mp4 = source(place.client)
    made = place.client.videos.create_character(name="Mossy", video=("moss.mp4", mp4, "video/mp4"))
    assert made.id.startswith("char_") and made.name == "Mossy" and made.created_at, made
    assert place.client.videos.get_character(made.id).model_dump() == made.model_dump()
    error = raised(openai.NotFoundError, lambda: place.client.videos.get_character("char_" + "0" * 32))
    assert error.code == "character_not_found"
    create = place.client.videos.create_character
    raised(openai.UnprocessableEntityError, lambda: create(name="Noise", video=("n.mp4", b"noise", "video/mp4")))


def case_a_failed_video_says_why_and_costs_nothing(place):
    client = place.metered_client(5)
    video = client.videos.create_and_poll(prompt="a mask [[fault:content]]", poll_interval_ms=50)
    assert (video.status, video.error.code) == ("failed", "content_policy_violation"), video
    assert video.error.message and video.completed_at is None
    error = raised(openai.BadRequestError, lambda: client.videos.download_content(video.id))
    assert error.code == "video_failed"
    assert balance(client) == 5


def case_wrong_videos_raise_and_cost_nothing(place):
    client = place.metered_client(5)
    create = client.videos.create
    for call, code in [
        (lambda: create(prompt="a", seconds="5"), "bad_duration"),
        (lambda: create(prompt="a", size="640x480"), "bad_size"),
        (lambda: create(prompt="a", input_reference=b"no picture"), "bad_input_reference"),
        (lambda: client.videos.edit(prompt="a", video=b"no film"), "bad_video"),
    ]:
        assert raised(openai.UnprocessableEntityError, call).code == code
    assert raised(openai.BadRequestError, lambda: create(prompt="")).code == "missing_prompt"
    assert raised(openai.BadRequestError, lambda: create(prompt="a", model="none")).code == "unknown_model"
    assert balance(client) == 5


# Raw requests, as other clients send them


def text(name, value):
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value.encode()


def file(name, filename, media_type, body):
    head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {media_type}\r\n\r\n'
    return head.encode() + body


def called(place, method, path, body=None, media_type=None, **headers):
    """Status, headers and body of one plain request with the first key."""
    sent = {"Authorization": f"Bearer {place.key}", **headers}
    if media_type:
        sent["Content-Type"] = media_type
    request = urllib.request.Request(f"{place.origin}/v1{path}", data=body, method=method, headers=sent)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def post_form(place, path, parts):
    boundary = uuid.uuid4().hex
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return submitted(called(place, "POST", path, body, f"multipart/form-data; boundary={boundary}"))


def post_json(place, path, body):
    return submitted(called(place, "POST", path, json.dumps(body).encode(), "application/json"))


def submitted(answer):
    """A new video; the status must be exactly 200, for new-api takes nothing else."""
    status, _, body = answer
    assert status == 200, (status, body)
    return demanded(json.loads(body))


def demanded(video):
    """What Go's strict decoder of new-api wants of every answer about a video."""
    assert isinstance(video, dict) and video["id"] and video.get("code") != "success", video
    for name in ["id", "object", "model", "status", "seconds", "size"]:
        assert type(video[name]) is str and video[name], (name, video)
    for name in ["progress", "created_at"]:
        assert type(video[name]) is int, (name, video)
    for name in ["completed_at", "expires_at"]:
        assert video[name] is None or type(video[name]) is int, (name, video)
    error = video["error"]
    assert error is None or type(error["message"]) is str and type(error["code"]) is str, error
    assert video["status"] in ("queued", "in_progress", "completed", "failed"), video
    return video


def finished(place, video):
    def get():
        status, _, body = called(place, "GET", f"/videos/{video['id']}")
        assert status == 200, (status, body)
        return demanded(json.loads(body))

    video = polled(get, RUNNING)
    assert (video["status"], video["progress"]) == ("completed", 100), video
    return video


def dropped(place, video):
    status, _, body = called(place, "DELETE", f"/videos/{video['id']}")
    assert (status, json.loads(body)["deleted"]) == (200, True), (status, body)


def case_the_forms_of_plain_python_scripts_work(place):
    parts = [
        text("prompt", "a calm ocean wave at sunset, cinematic"),
        text("model", "sora-2"),
        text("seconds", "4"),
        text("size", "1280x720"),
    ]
    video = post_form(place, "/videos", parts)
    assert video["status"] == "queued" and video["quality"] == "standard", video
    finished(place, video)
    status, headers, mp4 = called(place, "GET", f"/videos/{video['id']}/content")
    assert (status, headers["Content-Type"]) == (200, "video/mp4")
    judged(mp4)
    status, _, again = called(place, "GET", f"/videos/{video['id']}/content?variant=video")
    assert (status, again) == (200, mp4)

    frame = file("input_reference", "frame.jpg", "image/jpeg", picture(size=LANDSCAPE, form="JPEG"))
    parts[0] = text("prompt", "the scene comes to life, gentle motion")
    video = finished(place, post_form(place, "/videos", [*parts, frame]))
    _, _, from_frame = called(place, "GET", f"/videos/{video['id']}/content")
    judged(from_frame)
    assert from_frame != mp4

    body = {"model": "sora-2", "prompt": "as JSON [[delay:60000]]", "seconds": 4, "size": "720x1280"}
    video = post_json(place, "/videos", body)
    assert (video["seconds"], video["size"]) == ("4", "720x1280")
    dropped(place, video)


def case_the_sora_channel_of_new_api_is_served(place):
    body = {"model": "sora-2", "prompt": "a kite", "seconds": "4", "size": "1280x720", "metadata": {"user": "7"}}
    video = finished(place, post_json(place, "/videos", body))
    _, mp4 = source(place.client)
    _, _, whole = called(place, "GET", f"/videos/{video['id']}/content")
    judged(whole)
    status, headers, part = called(place, "GET", f"/videos/{video['id']}/content", Range="bytes=1000-1999")
    assert (status, part, headers["Content-Range"]) == (206, whole[1000:2000], f"bytes 1000-1999/{len(whole)}")
    assert whole != mp4, "two prompts gave one film"
    remix = post_json(place, f"/videos/{video['id']}/remix", {"prompt": "in fog [[delay:60000]]"})
    assert remix["remixed_from_video_id"] == video["id"]
    dropped(place, remix)


def case_the_rebuilt_forms_of_new_api_are_read_in_any_order(place):
    texts = [text("prompt", "a kite [[delay:60000]]"), text("seconds", "4"), text("size", "720x1280")]
    reference = file("input_reference", "blob", "image/png", picture())
    for order in range(6):
        random.Random(order).shuffle(texts)
        video = post_form(place, "/videos", [text("model", "sora-2"), *texts, reference])
        assert (video["model"], video["seconds"], video["size"]) == ("sora-2", "4", "720x1280"), video
        dropped(place, video)


def case_the_edits_and_extensions_of_litellm_name_a_video(place):
    video, _ = source(place.client)
    edit = post_json(place, "/videos/edits", {"prompt": "in ink", "video": {"id": video.id}})
    body = {"prompt": "and on", "video": {"id": video.id}, "seconds": "4"}
    longer = post_json(place, "/videos/extensions", body)
    assert (edit["seconds"], longer["seconds"]) == ("4", "8")
    finished(place, edit)
    _, _, mp4 = called(place, "GET", f"/videos/{edit['id']}/content")
    judged(mp4)
    dropped(place, longer)


def case_a_reference_of_litellm_may_be_a_link_in_a_file(place):
    link = b"data:image/png;base64," + base64.b64encode(picture(size=LANDSCAPE))
    parts = [
        text("model", "sora-2"),
        text("prompt", "it moves"),
        text("seconds", "4"),
        text("size", "1280x720"),
        file("input_reference", "input_reference.png", "image/png", link),
    ]
    video = finished(place, post_form(place, "/videos", parts))
    _, _, mp4 = called(place, "GET", f"/videos/{video['id']}/content")
    wanted = Image.open(io.BytesIO(picture(size=LANDSCAPE))).convert("RGB").getpixel((640, 360))
    shown = first_frame(mp4).getpixel((640, 360))
    assert max(abs(one - other) for one, other in zip(shown, wanted)) < 24, (shown, wanted)
