//! Which of the domain's nouns are kept, where, and in which version of their JSON.

use atelier_domain::{
    account::Account, character::Character, credit::Hold, job::Job, key::ApiKey, media::Media, post::Post,
    username::Bearer, webhook::WebhookEvent,
};

use serde_json::{Value, json};

use crate::error::RowError;
use crate::rows::{Row, no_way_up};
use crate::table::Table;

impl Row for ApiKey {
    const TABLE: Table = Table::Keys;
    const VERSION: u32 = 1;
}

impl Row for Job {
    const TABLE: Table = Table::Jobs;
    const VERSION: u32 = 2;

    /// Version 1 knew images only.
    fn upgrade(v: u32, mut row: Value) -> Result<Value, RowError> {
        match row.as_object_mut().and_then(|row| Some((row.remove("image")?, row))) {
            Some((image, row)) if v == 1 => row.insert("work".into(), json!({ "image": image })),
            _ => return Err(no_way_up::<Self>(v)),
        };
        Ok(row)
    }
}

impl Row for Hold {
    const TABLE: Table = Table::Holds;
    const VERSION: u32 = 1;
}

impl Row for Media {
    const TABLE: Table = Table::Media;
    const VERSION: u32 = 2;

    /// Version 1 knew results only.
    fn upgrade(v: u32, mut row: Value) -> Result<Value, RowError> {
        match row.as_object_mut() {
            Some(row) if v == 1 => row.insert("role".into(), json!("output")),
            _ => return Err(no_way_up::<Self>(v)),
        };
        Ok(row)
    }
}

impl Row for Account {
    const TABLE: Table = Table::Accounts;
    const VERSION: u32 = 2;

    /// Version 1 knew the embedded engine's accounts only, one kind of slot, and no numbers: those were in the name.
    fn upgrade(v: u32, mut row: Value) -> Result<Value, RowError> {
        let up = |row: &mut serde_json::Map<String, Value>| {
            let slots = row.remove("image_slots")?;
            let number: u64 = row.get("name")?.as_str()?.rsplit('-').next()?.parse().ok()?;
            let lane = json!({ "enabled": true, "slots": slots });
            row.insert("number".into(), json!(number));
            row.insert("images".into(), lane.clone());
            row.insert("videos".into(), lane);
            row.insert("updated_at".into(), row.get("created_at")?.clone());
            Some(())
        };
        match row.as_object_mut().and_then(up) {
            Some(()) if v == 1 => Ok(row),
            _ => Err(no_way_up::<Self>(v)),
        }
    }
}

impl Row for WebhookEvent {
    const TABLE: Table = Table::Outbox;
    const VERSION: u32 = 1;
}

impl Row for Character {
    const TABLE: Table = Table::Characters;
    const VERSION: u32 = 1;
}

impl Row for Post {
    const TABLE: Table = Table::Posts;
    const VERSION: u32 = 1;
}

impl Row for Bearer {
    const TABLE: Table = Table::Usernames;
    const VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use atelier_domain::media::MediaRole;

    use super::*;

    /// Rows as the first version of the program wrote them.
    const JOB_1: &str = r#"{"v":1,"row":{"id":"job_01a20d0097a07204b98dbefa3be3fca3","key":"key_01a20d008c0371c49a23108d35eacb0f","endpoint":"/v1/images/generations","model":"gpt-image-2","image":{"prompt":{"text":"done","preview":"done"},"n":1,"size":"1024x1024","quality":"auto","format":"png","background":"auto","response_format":"url","partial_images":0},"routes":[{"engine":"studio","model":"gpt-image-2"}],"state":"completed","progress":100,"created_at":1795514472352,"updated_at":1795514472493,"ended_at":1795514472493,"deadline":1795514772352,"keep_until":1795518072493,"attempt":1,"route":0,"account":"acc_01a20d008c0272d388e77f6e75acdc9b","outputs":[{"media":"media_01a20d00982c704ea76398d0e0b6c06e","mime":"image/png","bytes":510844,"width":1024,"height":1024}],"price":{"total":1,"unit":1,"per":"output","rule":"image"},"metered":false,"charged":0,"body_hash":"e28e84408ca07da700910ad6ae8bdc3c0668f311b45090937f0f16e0dea52c64","request_id":"req_01a20d0097a07204b98dbef973d599a5"}}"#;
    const MEDIA_1: &str = r#"{"v":1,"row":{"id":"media_01a20d00982c704ea76398d0e0b6c06e","owner":"key_01a20d008c0371c49a23108d35eacb0f","job":"job_01a20d0097a07204b98dbefa3be3fca3","mime":"image/png","bytes":510844,"width":1024,"height":1024,"created_at":1795514472493,"expires_at":1795521672493}}"#;

    const ACCOUNT_1: &str = r#"{"v":1,"row":{"id":"acc_01a20d008c0272d388e77f6e75acdc9b","engine":"studio","name":"studio-2","enabled":true,"image_slots":4,"created_at":1795514472352}}"#;

    #[test]
    fn rows_of_the_first_version_are_understood_and_written_anew_in_this_one() {
        let job = Job::decode(JOB_1.as_bytes()).unwrap();
        let image = job.work.image().unwrap();
        assert_eq!(
            (image.prompt.text.as_deref(), image.n, image.references.is_some()),
            (Some("done"), 1, false)
        );
        assert_eq!(job.outputs.len(), 1);
        let media = Media::decode(MEDIA_1.as_bytes()).unwrap();
        assert_eq!(
            (media.role, media.job, media.id),
            (MediaRole::Output, Some(job.id), job.outputs[0].media)
        );
        let account = Account::decode(ACCOUNT_1.as_bytes()).unwrap();
        assert_eq!((account.number, account.images.slots, account.videos.slots), (2, 4, 4));
        assert_eq!(Account::decode(&account.encode().unwrap()).unwrap(), account);
        assert_eq!(Job::decode(&job.encode().unwrap()).unwrap(), job);
        assert_eq!(Media::decode(&media.encode().unwrap()).unwrap(), media);
    }

    #[test]
    fn a_row_that_is_not_what_its_version_says_is_an_error_and_not_a_guess() {
        for row in [r#"{"v":1,"row":{"work":{}}}"#, r#"{"v":1,"row":[]}"#, r#"{"v":0,"row":{"image":{}}}"#] {
            assert!(matches!(Job::decode(row.as_bytes()), Err(RowError::Upgrade { .. })), "{row}");
        }
        assert!(matches!(Media::decode(br#"{"v":0,"row":{}}"#), Err(RowError::Upgrade { found: 0, .. })));
    }
}
