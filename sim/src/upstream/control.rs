//! The control paths under `/_sim`, for tests in any language that cannot reach the library.

use super::{
    Upstream,
    account::AccountSetup,
    asked::{Asked, Head, Written},
    reply::Reply,
    stage::Stage,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::Duration;

/// Answers one of them.
pub fn answer(stage: &Stage, head: &Head, asked: &Asked) -> Reply {
    let segments = head.segments();
    let done = Ok(json!({"ok": true}));
    let answer = match (head.method.as_str(), segments.get(1..).unwrap_or_default()) {
        ("GET", ["report"]) => serde_json::to_value(stage.report()).map_err(|error| error.to_string()),
        ("DELETE", []) => {
            stage.reset();
            done
        }
        ("PUT", ["accounts", name]) => read::<AccountSetup>(asked).and_then(|setup| {
            let now_ms = stage.clock.now_ms();
            stage.world().accounts.put(name, setup, now_ms);
            done
        }),
        ("POST", ["accounts", name, "script"]) => read::<AccountSetup>(asked).and_then(|setup| {
            let now_ms = stage.clock.now_ms();
            let mut world = stage.world();
            let script = &mut world.accounts.of(name, now_ms).script;
            setup.scripts.into_iter().for_each(|(op, queue)| script.then(op, queue));
            setup.usually.into_iter().for_each(|(op, usual)| script.usually(op, usual));
            setup.mix.into_iter().for_each(|(op, mix)| script.mix(op, mix));
            done
        }),
        ("POST", ["accounts", name, "revoke"]) => {
            if !stage.world().accounts.revoke(name) {
                return refuse(404, &format!("there is no account {name}"));
            }
            done
        }
        ("POST", ["restart"]) => {
            stage.forget_jobs();
            done
        }
        ("POST", ["clock"]) => read::<Ahead>(asked).and_then(|ahead| {
            stage.advance(Duration::from_millis(ahead.advance_ms));
            done
        }),
        _ => return refuse(404, &format!("{} knows no such path", Upstream::CONTROL)),
    };
    match answer {
        Ok(body) => Reply::json(200, &body),
        Err(message) => refuse(400, &message),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ahead {
    advance_ms: u64,
}

fn read<T: DeserializeOwned>(asked: &Asked) -> Result<T, String> {
    if asked.broken || asked.written == Written::Form {
        return Err("the body is not a JSON object".to_owned());
    }
    serde_json::from_value(Value::Object(asked.fields.clone())).map_err(|error| error.to_string())
}

fn refuse(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"error": message}))
}
