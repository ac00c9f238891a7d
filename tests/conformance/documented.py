"""The Python examples of an older gateway's document, as their readers run them: with `requests`, reading lines."""

import base64
import json
import time

import requests

from edits import picture


def headers(place):
    return {"Authorization": f"Bearer {place.key}", "Content-Type": "application/json"}


def lines(place, path, body):
    """What the short examples print."""
    response = requests.post(f"{place.origin}{path}", headers=headers(place), json=body, stream=True)
    assert response.status_code == 200, response.text
    return [line.decode("utf-8") for line in response.iter_lines() if line]


def said(place, path, body):
    """What the long example prints. It reads `[DONE]` as JSON where it should end, which no server can mend: here it ends."""
    printed = []
    for data in lines(place, path, body):
        if data == "data: [DONE]":
            return "".join(printed)
        if data.startswith("data: "):
            chunk = json.loads(data[6:])
            if chunk.get("choices") and chunk["choices"][0].get("delta", {}).get("content"):
                printed.append(chunk["choices"][0]["delta"]["content"])
    raise AssertionError("the stream has no end")


def poll_task_status(place, task_id, max_wait=120, interval=0.1):
    start_time = time.time()
    while time.time() - start_time < max_wait:
        response = requests.get(f"{place.origin}/v1/tasks/{task_id}", headers=headers(place))
        task = response.json()
        if task["status"] in ("completed", "failed"):
            return task
        assert task["status"] == "processing" and 0.0 <= task["progress"] <= 100.0, task
        time.sleep(interval)
    return None


def data_uri():
    return "data:image/png;base64," + base64.b64encode(picture()).decode("utf-8")


def case_the_examples_of_pictures_print_links(place):
    body = {"prompt": "一只可爱的小猫咪", "model": "gpt-image", "stream": True}
    assert lines(place, "/v1/images/generate", body)[-1] == "data: [DONE]"
    assert "![image](http" in said(place, "/v1/images/generate", body)
    body = {"prompt": "将这张图片变成油画风格", "image": data_uri(), "model": "gpt-image", "stream": True}
    assert "![image](http" in said(place, "/v1/images/transform", body)


def case_the_example_of_a_video_in_a_style_prints_a_player(place):
    body = {"prompt": "一只猫在草地上奔跑", "model": "sora2-landscape-10s", "stream": True, "style": "anime"}
    assert "<video src='http" in said(place, "/v1/videos/generate", body)


def case_the_example_of_polling_a_task_ends_with_its_links(place):
    body = {"prompt": "一只猫在草地上奔跑", "model": "sora2-landscape-10s", "async_mode": True}
    result = requests.post(f"{place.origin}/v1/videos/generate", headers=headers(place), json=body).json()
    task = poll_task_status(place, result["task_id"])
    assert task["status"] == "completed" and task["error_message"] is None, task
    assert requests.get(task["result_urls"][0]).headers["content-type"] == "video/mp4"


def case_a_failed_task_says_why(place):
    body = {"prompt": "[[fault:content]]", "async_mode": True}
    result = requests.post(f"{place.origin}/v1/images/generate", headers=headers(place), json=body).json()
    task = poll_task_status(place, result["task_id"])
    assert task["status"] == "failed" and task["error_message"] and task["result_urls"] == [], task
