//! Which of the domain's nouns are kept, where, and in which version of their JSON.

use atelier_domain::{
    account::Account, credit::Hold, job::Job, key::ApiKey, media::Media, webhook::WebhookEvent,
};

use crate::rows::Row;
use crate::table::Table;

impl Row for ApiKey {
    const TABLE: Table = Table::Keys;
    const VERSION: u32 = 1;
}

impl Row for Job {
    const TABLE: Table = Table::Jobs;
    const VERSION: u32 = 1;
}

impl Row for Hold {
    const TABLE: Table = Table::Holds;
    const VERSION: u32 = 1;
}

impl Row for Media {
    const TABLE: Table = Table::Media;
    const VERSION: u32 = 1;
}

impl Row for Account {
    const TABLE: Table = Table::Accounts;
    const VERSION: u32 = 1;
}

impl Row for WebhookEvent {
    const TABLE: Table = Table::Outbox;
    const VERSION: u32 = 1;
}
