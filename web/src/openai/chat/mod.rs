//! `/v1/chat/completions` as a front for pictures and videos (api.md §5): what a message asks for becomes an ordinary job, its progress
//! is the reasoning, its links are the content.

mod ask;
mod character;
mod handlers;
mod said;
mod view;
mod voice;

pub use ask::{Ask, submit};
pub use character::{create as create_character, take as take_character};
pub use handlers::{__path_create, Manner, create, respond};
pub use view::{ChatCompletion, Reply};
