//! Media files on a real directory.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;

fn media() -> (tempfile::TempDir, MediaFiles) {
    let dir = tempfile::tempdir().unwrap();
    let media = MediaFiles::open(dir.path().to_owned()).unwrap();
    (dir, media)
}

fn age(media: &MediaFiles, id: &str, written: SystemTime) {
    File::options().write(true).open(media.path(id).unwrap()).unwrap().set_modified(written).unwrap();
}

#[test]
fn a_file_is_read_back_never_written_again_and_removed() {
    let (_dir, media) = media();
    media.write("img_1", b"first").unwrap();
    assert!(matches!(media.write("img_1", b"second"), Err(MediaError::Io(_))));
    assert_eq!(media.read("img_1").unwrap(), b"first");
    assert_eq!(media.usage().unwrap(), Usage { files: 1, bytes: 5 });
    assert!(media.delete("img_1").unwrap());
    assert!(!media.delete("img_1").unwrap());
    assert!(matches!(media.read("img_1"), Err(MediaError::Missing)));
}

#[test]
fn an_id_cannot_lead_out_of_the_directory() {
    let (_dir, media) = media();
    let long = "a".repeat(129);
    for id in ["", "..", "a/b", "../x", "a.png", "a\0", "ä", long.as_str()] {
        assert!(matches!(media.write(id, b""), Err(MediaError::InvalidId)), "{id:?}");
    }
}

#[test]
fn what_an_unfinished_write_left_is_gone_after_open_and_never_listed() {
    let (dir, media) = media();
    fs::write(dir.path().join("tmp").join("7"), b"half").unwrap();
    assert_eq!(media.usage().unwrap(), Usage::default());
    MediaFiles::open(dir.path().to_owned()).unwrap();
    assert!(!dir.path().join("tmp").join("7").exists());
}

#[test]
fn a_draft_that_cannot_be_kept_leaves_nothing() {
    let (dir, media) = media();
    let mut draft = media.begin().unwrap();
    draft.write(b"half").unwrap();
    fs::remove_dir_all(media.path("kept").unwrap().parent().unwrap()).unwrap();
    assert!(matches!(draft.keep("kept"), Err(MediaError::Io(_))));
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn only_old_files_that_no_row_names_are_swept() {
    let (dir, media) = media();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    for (id, seconds) in [("old_named", 100), ("old_orphan", 100), ("young_orphan", 10)] {
        media.write(id, b"12345").unwrap();
        age(&media, id, now - Duration::from_secs(seconds));
    }
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    fs::write(dir.path().join("lost+found/file"), b"not ours").unwrap();
    fs::write(dir.path().join("notes.txt"), b"nor this").unwrap();
    let removed = media.sweep(now - Duration::from_secs(50), |id| id.ends_with("named")).unwrap();
    assert_eq!(removed, Usage { files: 1, bytes: 5 });
    assert!(media.read("old_named").is_ok() && media.read("young_orphan").is_ok());
    assert!(dir.path().join("lost+found/file").exists() && dir.path().join("notes.txt").exists());
}

#[test]
fn a_file_that_arrives_in_pieces_is_nothing_until_it_is_kept_and_then_whole() {
    let (dir, media) = media();
    let mut draft = media.begin().unwrap();
    draft.write(b"half of ").unwrap();
    draft.write(b"a picture").unwrap();
    assert_eq!(media.usage().unwrap(), Usage::default());
    let mut so_far = String::new();
    io::Read::read_to_string(draft.read().unwrap(), &mut so_far).unwrap();
    assert_eq!(so_far, "half of a picture");
    draft.keep("upload_1").unwrap();
    assert_eq!(media.read("upload_1").unwrap(), b"half of a picture");

    drop(media.begin().unwrap());
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0, "a dropped draft is left behind");
}

#[test]
fn a_shared_file_outlives_the_one_it_came_from() {
    let (_dir, media) = media();
    media.write("result", b"pixels").unwrap();
    media.share("result", "reference").unwrap();
    media.delete("result").unwrap();
    assert_eq!(media.read("reference").unwrap(), b"pixels");
    assert!(matches!(media.share("result", "another"), Err(MediaError::Missing)));
}
