//! One job in the log: what was asked, who did it, how it went. Pure.

use atelier_domain::{
    account::Account,
    code::Code,
    ids::{AccountId, JobId, KeyId, MediaId},
    job::{Job, JobKind, JobState},
    time::Millis,
    video::SourceUse,
};
use atelier_store::{Row, Table};
use serde::{Deserialize, Serialize};

/// What a job did, as the log calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Images from a prompt.
    ImageGeneration,
    /// Images from images.
    ImageEdit,
    /// A video from a prompt, perhaps with a first frame.
    VideoGeneration,
    /// A video that keeps another's scene.
    VideoRemix,
    /// A video made over another.
    VideoEdit,
    /// A video made longer.
    VideoExtension,
}

impl Operation {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ImageGeneration => "image_generation",
            Self::ImageEdit => "image_edit",
            Self::VideoGeneration => "video_generation",
            Self::VideoRemix => "video_remix",
            Self::VideoEdit => "video_edit",
            Self::VideoExtension => "video_extension",
        }
    }

    fn of(job: &Job) -> Self {
        let source = job.work.video().and_then(|video| video.source.as_ref()).map(|source| source.way);
        match (job.work.kind(), source) {
            (JobKind::Image, _) if job.work.references().next().is_some() => Self::ImageEdit,
            (JobKind::Image, _) => Self::ImageGeneration,
            (JobKind::Video, None) => Self::VideoGeneration,
            (JobKind::Video, Some(SourceUse::Remix)) => Self::VideoRemix,
            (JobKind::Video, Some(SourceUse::Edit)) => Self::VideoEdit,
            (JobKind::Video, Some(SourceUse::Extend)) => Self::VideoExtension,
        }
    }
}

/// The account of a job as it was then: it may be gone when the log is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Which account.
    pub id: AccountId,
    /// Its number.
    pub number: u64,
    /// Its address upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its public name upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

impl Worker {
    /// The account as it is now.
    pub fn of(account: &Account) -> Self {
        Self {
            id: account.id,
            number: account.number,
            email: account.identity.email.clone(),
            username: account.identity.username.clone(),
        }
    }
}

/// A job in the log. Nothing of it opens anything: files are named by their ids, without signatures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRow {
    /// Which job.
    pub job: JobId,
    /// Whose it was.
    pub key: KeyId,
    /// Who did it last, if anybody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<Worker>,
    /// What it did.
    pub operation: Operation,
    /// The model's own name.
    pub model: String,
    /// The beginning of the prompt.
    pub prompt: String,
    /// Whether it worked from pictures or a video.
    pub has_image: bool,
    /// Where it stands.
    pub state: JobState,
    /// Percent done.
    pub progress: u8,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<MediaId>,
    /// When it was accepted.
    pub created_at: Millis,
    /// When it ended; none while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Millis>,
}

impl Row for LogRow {
    const TABLE: Table = Table::Requests;
    const VERSION: u32 = 1;
}

/// The status that stands for a job that its owner ended, as servers write it for a client that left.
const CLIENT_LEFT: i32 = 499;

impl LogRow {
    /// The row of a job, ended or not.
    pub fn of(job: &Job, worker: Option<Worker>) -> Self {
        let first_frame = job.work.video().and_then(|video| video.first_frame.as_ref());
        Self {
            job: job.id,
            key: job.key,
            worker,
            operation: Operation::of(job),
            model: job.model.clone(),
            prompt: job.work.prompt().preview.clone(),
            has_image: first_frame.is_some() || job.work.references().next().is_some(),
            state: job.state,
            progress: job.progress,
            code: job.error.as_ref().map(|error| error.code),
            message: job.error.as_ref().map(|error| error.message.clone()),
            files: job.outputs.iter().map(|output| output.media).collect(),
            created_at: job.created_at,
            ended_at: job.ended_at,
        }
    }

    /// The HTTP status that says how it went; −1 while it runs.
    pub fn status(&self) -> i32 {
        match self.state {
            JobState::Completed => 200,
            JobState::Cancelled => CLIENT_LEFT,
            JobState::Failed => self.code.map_or(500, |code| i32::from(code.status())),
            _ => -1,
        }
    }

    /// How long it took, in seconds; −1 while it runs.
    pub fn seconds(&self) -> f64 {
        self.ended_at.map_or(-1.0, |ended| ended.since(self.created_at).as_secs_f64())
    }

    /// A number for lists that want one: the same for a job from its first row to its last, greater for a job of a later millisecond,
    /// unlike for unlike ones, and small enough for a program that counts in doubles, until the year 2039.
    pub fn number(&self) -> u64 {
        const LOW: u128 = 0xfff;
        let uuid = self.job.uuid().as_u128();
        // 48 bits of milliseconds come first; the counter that tells ids of one millisecond apart ends 32 bits before the end.
        let (millis, counter) = (uuid >> 80, (uuid >> 32) & LOW);
        u64::try_from((millis << 12 | counter) & ((1 << 53) - 1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;
    use uuid::{Builder, Uuid};

    fn row(job: JobId) -> LogRow {
        LogRow {
            job,
            key: KeyId::from_uuid(Uuid::nil()),
            worker: None,
            operation: Operation::ImageGeneration,
            model: "m".into(),
            prompt: "p".into(),
            has_image: false,
            state: JobState::Running,
            progress: 0,
            code: None,
            message: None,
            files: vec![],
            created_at: Millis(1_000),
            ended_at: None,
        }
    }

    #[test]
    fn numbers_of_jobs_made_in_a_burst_differ_and_rise_with_the_millisecond() {
        let burst: Vec<_> = (0..3_000).map(|_| row(JobId::from_uuid(Uuid::now_v7())).number()).collect();
        assert_eq!(burst.iter().collect::<BTreeSet<_>>().len(), 3_000);
        assert!(burst.iter().all(|number| *number < 1 << 53));
        // The last of a millisecond comes before the first of the next, whatever their counters are.
        let made = |millis, fill| Builder::from_unix_timestamp_millis(millis, &[fill; 10]).into_uuid();
        let number = |millis, fill| row(JobId::from_uuid(made(millis, fill))).number();
        assert!(number(1_764_000_000_000, 0xff) < number(1_764_000_000_001, 0x00));
    }

    #[test]
    fn a_status_says_how_it_went() {
        let running = row(JobId::from_uuid(Uuid::nil()));
        assert_eq!((running.status(), running.seconds()), (-1, -1.0));
        let ended = |state, code| LogRow { state, code, ended_at: Some(Millis(3_500)), ..running.clone() };
        assert_eq!(ended(JobState::Completed, None).status(), 200);
        assert_eq!(ended(JobState::Cancelled, None).status(), 499);
        assert_eq!(ended(JobState::Failed, Some(Code::ContentPolicyViolation)).status(), 400);
        assert_eq!(ended(JobState::Failed, None).seconds(), 2.5);
    }
}
