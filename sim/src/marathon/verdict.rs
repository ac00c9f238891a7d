//! What a marathon proves, and every way in which it can fail to.

use super::{
    MAX_ATTEMPTS, Report,
    cast::{Cast, LITTLE, Part},
    crowd::{Crowd, Key, Told},
    wire::Wire,
};
use crate::{
    client::Client,
    operator,
    upstream::{self, Op},
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Judges from the statements of the gateway and the counters of the upstream.
pub(super) async fn judge(admin: &Client, crowd: &Crowd, upstream: &upstream::Report, cast: &Cast) -> Report {
    let mut report = Report { ends: crowd.ends(), ..Report::default() };
    let told = crowd.told.borrow().clone();
    report.jobs = told.len();
    ends(&mut report, &told);
    submits(&mut report, &told, upstream);
    for key in &crowd.keys {
        if let Err(problem) = money(&mut report, key).await {
            report.violations.push(problem);
        }
    }
    let books = admin.get("/api/ledger/verify").send().await.map(|answer| answer.json());
    let right = books.as_ref().is_ok_and(|books| books["ok"] == true);
    report.check(right, || format!("the books do not add up: {books:?}"));
    accounts(&mut report, admin, upstream, cast).await;
    report
}

fn ends(report: &mut Report, told: &[Told]) {
    for one in told {
        let is_told = !one.end.is_empty() && one.end != "nothing was answered";
        let is_clear = is_told && !one.end.starts_with("unknown") && one.end != "not ended";
        report.check(is_clear, || format!("{:?} did not end: {}", one.job, one.end));
        if one.solo {
            report.solos += 1;
            report.check(one.end == "completed", || {
                format!("the account that was alone lost {:?}: {}", one.prompt, one.end)
            });
        }
    }
}

/// From the upstream's side: how often each job came.
fn submits(report: &mut Report, told: &[Told], upstream: &upstream::Report) {
    let mut of: HashMap<&str, (u64, u64)> = HashMap::new();
    for account in upstream.accounts.values() {
        for (prompt, submits) in &account.prompts {
            let sum = of.entry(prompt.as_str()).or_default();
            sum.0 += submits.arrived;
            sum.1 += submits.accepted;
        }
    }
    for one in told {
        let (arrived, accepted) = of.get(one.prompt.as_str()).copied().unwrap_or_default();
        report.submits += arrived;
        report.most_submits = report.most_submits.max(arrived);
        report.check(arrived <= MAX_ATTEMPTS, || format!("{} was submitted {arrived} times", one.name()));
        report
            .check(accepted <= 1, || format!("{} was accepted {accepted} times: a double spend", one.name()));
        report.check(one.end != "completed" || accepted == 1, || {
            format!("{} is completed and was accepted {accepted} times", one.name())
        });
        report.unknown += u64::from(one.end == "submit_outcome_unknown");
        if one.end == "timeout" {
            *report.late.entry((one.manner, accepted > 0)).or_default() += 1;
        }
    }
}

/// From the statement that the key's owner reads: each job held once and settled once, and the balance is the sum of it all.
async fn money(report: &mut Report, key: &Key) -> Result<(), String> {
    let (mut jobs, mut sum) = (BTreeMap::<String, (u32, u32)>::new(), 0);
    for entry in operator::statement(&key.client).await? {
        sum += entry["amount"].as_i64().unwrap_or_default();
        let Some(job) = entry["job"].as_str() else { continue };
        let counted = jobs.entry(job.to_owned()).or_default();
        match entry["kind"].as_str() {
            Some("hold") => counted.0 += 1,
            _ => counted.1 += 1,
        }
    }
    for (job, (holds, ends)) in &jobs {
        report
            .check((*holds, *ends) == (1, 1), || format!("{job} was held {holds} times and settled {ends}"));
    }
    let credits = key.client.get("/v1/credits").send().await.map_err(|error| error.to_string())?.json();
    let (balance, held) = (credits["balance"].as_i64(), credits["held"].as_i64());
    report.check(held == Some(0), || format!("{} still holds {held:?}", key.id));
    report.check(balance == Some(sum), || format!("{} has {balance:?}, and its entries say {sum}", key.id));
    Ok(())
}

/// What became of the accounts.
async fn accounts(report: &mut Report, admin: &Client, upstream: &upstream::Report, cast: &Cast) {
    let answer = admin.get("/api/tokens").send().await.map(|answer| answer.json()).unwrap_or_default();
    let views: HashMap<u64, &Value> = answer
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|view| Some((view["id"].as_u64()?, view)))
        .collect();
    for actor in &cast.actors {
        let view = views.get(&actor.number).copied().cloned().unwrap_or_default();
        let is_on = view["is_active"] == true;
        let wanted = match actor.part {
            Part::Strict | Part::Moody | Part::Thrifty | Part::Solo | Part::Machine => Some(true),
            Part::Dead => Some(false),
            // With quota of nothing it is told to have no money at its first image; a video may come first.
            Part::Broke if actor.wire == Wire::Openai => Some(false),
            // Elsewhere it is a quota that will be full again.
            Part::Broke => Some(true),
            Part::Unentitled => Some(true),
        };
        if let Some(wanted) = wanted {
            report.check(is_on == wanted, || {
                format!("{:?} is on: {is_on}, and should not: {view}", actor.part)
            });
        }
        let counted = upstream.account(&actor.key);
        if actor.part == Part::Strict {
            let served = counted.accepted(Op::SubmitImage) + counted.accepted(Op::SubmitVideo);
            report.check(served > 0, || "an account that refuses content was left unused".to_owned());
        }
        if actor.part == Part::Thrifty {
            let (images, videos) = (counted.accepted(Op::SubmitImage), counted.accepted(Op::SubmitVideo));
            report.images_of_thrifty += images;
            report.videos_of_thrifty += videos;
            report.check(images == LITTLE as u64, || format!("the account with few images made {images}"));
            report.check(videos > images, || format!("with its images used up it made {videos} videos only"));
        }
        let tokens = counted.arrived(Op::Token);
        report.renewals += tokens;
        if actor.wire.renews(actor.part) {
            report.check(tokens >= 1, || format!("an access token of {} was never renewed", actor.key));
        }
        if actor.part == Part::Machine {
            let made = counted.accepted(Op::SubmitImage);
            report
                .check(tokens >= 1 && made > 0, || format!("a machine had {tokens} tokens and made {made}"));
        }
    }
}
