//! What every story needs: a server to speak to, and words for what it answers.

pub mod answers;
pub mod app;
pub mod chats;
pub mod films;
pub mod pictures;

pub use answers::{expect_error, small};
pub use app::App;
