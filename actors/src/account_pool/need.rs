//! What an attempt needs of an account, and whether an account can give it at all: pure.

use atelier_domain::{
    account::Account,
    engine::{Abilities, VideoSources},
    ids::{AccountId, KeyId},
    job::{Job, JobKind, Route, Work},
    size::Size,
    time::Millis,
    video::SourceUse,
};

/// What an attempt needs of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Whose job it is: the waiting line is fair between keys.
    pub key: KeyId,
    /// What kind of slot it takes; none is text.
    pub kind: Option<JobKind>,
    /// Where it may go, in order of preference.
    pub routes: Vec<Route>,
    /// What it asks of an engine.
    pub wants: Wants,
    /// Accounts that failed this job already: taken only when nobody else can.
    pub avoid: Vec<AccountId>,
    /// When it is too late.
    pub deadline: Millis,
}

impl Need {
    /// What this job needs. `avoid` are the accounts that failed it already.
    pub fn of(job: &Job, avoid: Vec<AccountId>) -> Self {
        Self {
            key: job.key,
            kind: Some(job.work.kind()),
            routes: job.routes.clone(),
            wants: Wants::of(&job.work),
            avoid,
            deadline: job.deadline,
        }
    }
}

/// What a job asks of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Wants {
    /// Outputs.
    pub outputs: u32,
    /// Reference pictures.
    pub references: usize,
    /// Whether one of them is a mask.
    pub mask: bool,
    /// The video that it is made over.
    pub source: Option<Source>,
    /// The video that is to be made; none where its length follows from another's.
    pub video: Option<VideoWish>,
}

/// A video that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VideoWish {
    /// Its size.
    pub size: Size,
    /// How long it is, in seconds.
    pub seconds: u32,
}

/// A video that another is made over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Source {
    /// The account that made it, if it was made upstream and is known there.
    pub made_by: Option<AccountId>,
}

impl Wants {
    /// What this work asks for.
    pub fn of(work: &Work) -> Self {
        let references = work.image().and_then(|image| image.references.as_deref());
        let source = work.video().and_then(|video| video.source.as_ref());
        Self {
            outputs: work.outputs(),
            references: references.map_or(0, |references| references.images.len()),
            mask: references.is_some_and(|references| references.mask.is_some()),
            source: source
                .map(|source| Source { made_by: source.account.filter(|_| source.handle.is_some()) }),
            video: work
                .video()
                .filter(|_| source.is_none_or(|source| source.way != SourceUse::Extend))
                .map(|video| VideoWish { size: video.size, seconds: video.seconds }),
        }
    }

    /// Why this account cannot do it with a model of this family, whatever its state; none when it can.
    pub fn unmet_by(&self, account: &Account, can: Abilities, family: &str) -> Option<&'static str> {
        if self.references > can.references {
            return Some(if can.references == 0 {
                "its engine takes no reference pictures"
            } else {
                "its engine takes fewer reference pictures"
            });
        }
        if self.mask && !can.mask {
            return Some("its engine takes no mask");
        }
        let range = can.video_range.filter(|range| range.family.is_none_or(|only| only == family));
        if let (Some(video), Some(range)) = (self.video, range) {
            if !range.seconds.contains(&video.seconds) {
                return Some("its engine makes no videos of this length with it");
            }
            if !range.sizes.contains(&video.size) {
                return Some("its engine makes no videos of this size with it");
            }
        }
        match (&self.source, can.video_sources) {
            (None, _) | (Some(_), VideoSources::File) => None,
            (Some(_), VideoSources::None) => Some("its engine makes no videos over others"),
            (Some(source), VideoSources::OwnHandle) => {
                (source.made_by != Some(account.id)).then_some("only the account that made the video can")
            }
        }
    }
}

/// What an attempt does and which way it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Over<'a> {
    pub kind: Option<JobKind>,
    pub route: &'a Route,
}

/// Whether the account is meant for the route's model, switched on or not.
pub(super) fn is_meant_for(account: &Account, can: Abilities, route: &Route, kind: Option<JobKind>) -> bool {
    let by_family = || can.families.is_none_or(|families| families.contains(&route.family.as_str()));
    account.engine == route.engine
        && account.lane(kind).enabled
        && account.serves(&route.model, kind)
        // A list says it all; text has no families.
        && (!account.models.is_empty() || kind.is_none() || by_family())
}

/// Whether the account's plan opens the route.
pub(super) fn has_plan(account: &Account, route: &Route) -> bool {
    route.plan.as_deref().is_none_or(|plan| account.has_plan(plan))
}

#[cfg(test)]
mod tests {
    use super::*;
    use atelier_domain::engine::VideoRange;
    use uuid::Uuid;

    fn account(id: u128) -> Account {
        Account::new(AccountId::from_uuid(Uuid::from_u128(id)), 1, "openai", "a", Millis(0))
    }

    #[test]
    fn a_video_made_upstream_is_worked_over_where_it_was_made_and_nowhere_else() {
        let can = |video_sources| Abilities { video_sources, ..Abilities::NONE };
        let over = |made_by| Wants { source: Some(Source { made_by }), ..Wants::default() };
        let (mine, other) = (account(1), account(2));
        for (wants, abilities, fits) in [
            (over(Some(mine.id)), can(VideoSources::OwnHandle), true),
            (over(Some(other.id)), can(VideoSources::OwnHandle), false),
            (over(None), can(VideoSources::OwnHandle), false),
            (over(Some(other.id)), can(VideoSources::File), true),
            (over(None), can(VideoSources::None), false),
            (Wants::default(), can(VideoSources::None), true),
        ] {
            assert_eq!(wants.unmet_by(&mine, abilities, "sora").is_none(), fits, "{wants:?} {abilities:?}");
        }
    }

    #[test]
    fn a_video_is_given_only_to_whom_makes_that_size_and_length() {
        const HD: Size = Size::new(1792, 1024);
        const SMALL: Size = Size::new(1280, 720);
        let range = VideoRange { family: None, seconds: &[10, 15], sizes: &[SMALL] };
        let of_others = VideoRange { family: Some("veo"), ..range };
        let can = |video_range| Abilities { video_range, ..Abilities::NONE };
        for (size, seconds, range, fits) in [
            (SMALL, 10, Some(range), true),
            (SMALL, 4, Some(range), false),
            (HD, 10, Some(range), false),
            (HD, 4, None, true),
            (HD, 4, Some(of_others), true),
        ] {
            let wants = Wants { video: Some(VideoWish { size, seconds }), ..Wants::default() };
            assert_eq!(wants.unmet_by(&account(1), can(range), "sora").is_none(), fits, "{size} {seconds}");
        }
        assert_eq!(Wants::default().unmet_by(&account(1), can(Some(range)), "sora"), None);
    }

    #[test]
    fn references_and_masks_need_an_engine_that_takes_them() {
        let can = |references, mask| Abilities { references, mask, ..Abilities::NONE };
        let wants = Wants { references: 2, mask: true, ..Wants::default() };
        for (abilities, fits) in
            [(can(2, true), true), (can(1, true), false), (can(0, true), false), (can(16, false), false)]
        {
            assert_eq!(wants.unmet_by(&account(1), abilities, "sora").is_none(), fits, "{abilities:?}");
        }
    }
}
