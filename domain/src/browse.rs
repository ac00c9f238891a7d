//! What an upstream shows to everybody: profiles, characters, posts. It is asked for and passed on, never kept.

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Browse {
    /// Somebody's profile.
    Profile {
        /// Whose, without `@`.
        username: String,
    },
    /// Whoever's user name begins like this.
    Search {
        /// How it begins.
        username: String,
        /// Whether only those count that prompts may show.
        characters_only: bool,
        /// How many at most.
        limit: usize,
    },
    /// Everybody's posts.
    Feed {
        /// Whether those come first that are liked most, instead of the latest.
        top: bool,
        /// Which of them.
        page: Page,
    },
    /// Somebody's posts.
    UserFeed {
        /// Whose, by the upstream's own id.
        user_id: String,
        /// Which of them.
        page: Page,
    },
}

/// A page of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many posts at most.
    pub limit: usize,
    /// What the page before ended with.
    pub cursor: Option<String>,
}
