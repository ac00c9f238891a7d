"""Edits, variations and files, as stock SDKs send them."""

import io

import openai
from PIL import Image, ImageChops

from cases import balance, decoded, fetched, raised

SIZE = (320, 240)
HOLE = (60, 50, 200, 180)


def picture(color=(200, 60, 30), size=SIZE, form="PNG"):
    drawn = Image.linear_gradient("L").resize(size)
    file = io.BytesIO()
    Image.merge("RGB", (drawn, Image.new("L", size, color[1]), Image.new("L", size, color[2]))).save(file, form)
    return file.getvalue()


def mask(size=SIZE):
    drawn = Image.new("RGBA", size, (0, 0, 0, 255))
    drawn.paste((0, 0, 0, 0), HOLE)
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return file.getvalue()


def case_one_picture_is_edited_at_its_own_size(place):
    answer = place.client.images.edit(image=picture(), prompt="add a red hat")
    assert decoded(answer.data[0]).size == SIZE
    named = place.client.images.edit(image=("photo.png", picture(), "image/png"), prompt="add a red hat")
    assert named.data[0].b64_json == answer.data[0].b64_json, "the name of the file changed the picture"


def case_a_list_of_pictures_is_worked_from(place):
    one, both = [picture()], [picture(), picture((10, 200, 90), form="JPEG")]
    sizes = {"size": "1024x1024", "model": "gpt-image-2", "prompt": "both in one room"}
    first = place.client.images.edit(image=one, **sizes)
    second = place.client.images.edit(image=both, **sizes)
    assert decoded(second.data[0]).size == (1024, 1024)
    assert first.data[0].b64_json != second.data[0].b64_json, "the second picture has no effect"


def case_a_mask_keeps_what_it_covers(place):
    answer = place.client.images.edit(image=picture(), mask=mask(), prompt="a window", n=2)
    before = Image.open(io.BytesIO(picture())).convert("RGB")
    for item in answer.data:
        changed = ImageChops.difference(before, decoded(item).convert("RGB"))
        inside = changed.crop(HOLE).getbbox()
        changed.paste((0, 0, 0), HOLE)
        assert inside and changed.getbbox() is None, changed.getbbox()
    assert answer.data[0].b64_json != answer.data[1].b64_json


def case_an_edit_streams_under_its_own_names(place):
    events = list(
        place.client.images.edit(image=picture(), prompt="a tower", stream=True, partial_images=2, size="1024x1024")
    )
    partial, completed = "image_edit.partial_image", "image_edit.completed"
    assert [event.type for event in events] == [partial, partial, completed], [event.type for event in events]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert decoded(events[2]).size == (1024, 1024)
    assert events[2].usage.input_tokens_details.image_tokens >= 0


def case_a_variation_is_another_picture(place):
    answer = place.client.images.create_variation(image=picture(size=(256, 256)), n=2, size="256x256", response_format="url")
    bodies = [fetched(item.url)[1] for item in answer.data]
    assert [Image.open(io.BytesIO(body)).size for body in bodies] == [(256, 256)] * 2
    assert bodies[0] != bodies[1]


def case_a_file_is_kept_and_used_by_its_id(place):
    file = place.client.files.create(file=("hat.png", picture()), purpose="vision")
    assert (file.object, file.filename, file.bytes) == ("file", "hat.png", len(picture()))
    assert file.id in {listed.id for listed in place.client.files.list(purpose="vision")}
    assert place.client.files.content(file.id).read() == picture()
    edited = place.client.post(
        "/images/edits", cast_to=object, body={"prompt": "a hat", "images": [{"file_id": file.id}], "size": "1024x1024"}
    )
    assert edited["data"][0]["b64_json"]
    assert place.client.files.delete(file.id).deleted
    raised(openai.NotFoundError, lambda: place.client.files.retrieve(file.id))


def case_wrong_pictures_raise_and_cost_nothing(place):
    client = place.metered_client(5)
    edit = client.images.edit
    for call, code in [
        (lambda: edit(image=b"no picture", prompt="a"), "bad_image"),
        (lambda: edit(image=picture(), mask=mask((9, 9)), prompt="a"), "bad_mask"),
        (lambda: edit(image=[picture()] * 17, prompt="a"), "too_many_references"),
    ]:
        assert raised(openai.UnprocessableEntityError, call).code == code
    assert raised(openai.BadRequestError, lambda: edit(image=picture(), prompt="")).code == "missing_prompt"
    assert balance(client) == 5


def case_an_edit_is_charged_like_any_picture(place):
    client = place.metered_client(5)
    answer = client.images.edit(image=picture(), prompt="a coin", n=3)
    assert (len(answer.data), balance(client)) == (3, 2)
