//! The files of videos, in every length and either orientation, at their real sizes, judged by another decoder.

use crate::support::{
    App,
    films::{content, create, ended, id, probed},
};
use serde_json::{Value, json};

/// What to ask for, and the file that must come of it: seconds, width, height.
fn films() -> Vec<(Value, (u64, u64, u64))> {
    let shapes = [("landscape", 1280, 720), ("portrait", 720, 1280)];
    let film = |seconds: u64, (orientation, width, height): (&str, u64, u64)| {
        let asked = match seconds {
            4 | 8 | 12 => {
                json!({ "model": "sora-2", "seconds": seconds.to_string(), "orientation": orientation })
            }
            // These models say it all with their names.
            _ => json!({ "model": format!("sora-video-{orientation}-{seconds}s") }),
        };
        (asked, (seconds, width, height))
    };
    [4, 8, 10, 12, 15, 25].into_iter().flat_map(|seconds| shapes.map(|shape| film(seconds, shape))).collect()
}

#[actix_rt::test]
async fn every_length_has_its_frames_size_and_sound() {
    let app = App::start().await;
    let client = app.client();
    let mut made = Vec::new();
    for (number, (mut asked, wanted)) in films().into_iter().enumerate() {
        asked["prompt"] = json!(format!("film {number}"));
        made.push((id(&create(&client, &asked).await), wanted));
    }
    for (id, (seconds, width, height)) in made {
        let video = ended(&client, &id).await;
        assert_eq!(video["status"], "completed", "{video}");
        assert_eq!(
            (&video["seconds"], &video["size"]),
            (&json!(seconds.to_string()), &json!(format!("{width}x{height}")))
        );
        let (codec, wide, high, frames, sound) = probed(&content(&client, &id, "").await.body);
        assert_eq!((codec.as_str(), wide, high, frames), ("h264", width, height, 24 * seconds), "{video}");
        assert!((sound - seconds as f64).abs() < 0.05, "{sound} s of sound: {video}");
        client.delete(&format!("/v1/videos/{id}")).send().await.unwrap();
    }
    app.finish().await;
}
