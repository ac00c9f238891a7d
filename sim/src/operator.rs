//! What an operator does at a gateway before anybody can work with it: logs in, makes keys, adds accounts, reads statements.

use crate::client::{Answer, CallError, Client};
use serde_json::{Value, json};

/// Pages of a statement that are read, at 100 entries each.
const PAGES: usize = 5_000;

/// An API key that was made.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// What opens it.
    pub secret: String,
}

/// A client with a session of the admin.
///
/// # Errors
/// What the gateway said instead.
pub async fn admin(root: &Client, password: &str) -> Result<Client, String> {
    let login = json!({ "username": "admin", "password": password });
    let answer = said(root.post("/api/login", &login).send().await)?;
    match answer.json()["token"].as_str() {
        Some(token) => Ok(root.with_token(token)),
        None => Err(format!("the admin cannot log in: {}", answer.text())),
    }
}

/// Makes a key with this credit.
///
/// # Errors
/// What the gateway said instead.
pub async fn key(admin: &Client, name: &str, credits: i64) -> Result<Key, String> {
    let wanted = json!({ "name": name, "credits": credits });
    let answer = said(admin.post("/api/keys", &wanted).send().await)?;
    let key = answer.json();
    match (key["id"].as_str(), key["key"].as_str()) {
        (Some(id), Some(secret)) => Ok(Key { id: id.to_owned(), secret: secret.to_owned() }),
        _ => Err(format!("no key was made: {}", answer.text())),
    }
}

/// Adds an account, and has its number.
///
/// # Errors
/// What the gateway said instead.
pub async fn account(admin: &Client, account: &Value) -> Result<u64, String> {
    let answer = said(admin.post("/api/tokens", account).send().await)?;
    let number = answer.json()["token_id"].as_u64();
    number.ok_or_else(|| format!("an account was not added: {}", answer.text()))
}

/// All entries of a key's statement, the newest first. `client` has the key.
///
/// # Errors
/// What the gateway said instead.
pub async fn statement(client: &Client) -> Result<Vec<Value>, String> {
    let (mut entries, mut after) = (Vec::new(), String::new());
    for _ in 0..PAGES {
        let answer = said(client.get(&format!("/v1/credits/entries?limit=100{after}")).send().await)?;
        let page = answer.json();
        let Some(data) = page["data"].as_array() else { return Err(answer.text()) };
        entries.extend(data.iter().cloned());
        if page["has_more"] != true {
            return Ok(entries);
        }
        after = format!("&after={}", page["last_id"]);
    }
    Err("a statement does not end".to_owned())
}

fn said(answer: Result<Answer, CallError>) -> Result<Answer, String> {
    answer.map_err(|error| error.to_string())
}
