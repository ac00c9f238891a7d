//! `/v1/videos` in OpenAI's shape (api.md §2): made, polled, listed, downloaded, remixed, edited, extended, deleted. A video and the
//! job that makes it have one UUID.

mod characters;
mod content;
mod create;
mod manage;
mod older;
mod order;
mod over;
mod view;

pub use characters::{
    __path_create as __path_create_character, __path_delete as __path_delete_character,
    __path_retrieve as __path_retrieve_character, create as create_character, delete as delete_character,
    retrieve as retrieve_character,
};
pub use content::{__path_content, content};
pub use create::{__path_create, Made, awaited, create, hand_in, quote, works_from};
pub use manage::{__path_delete, __path_list, __path_retrieve, delete, list, retrieve};
pub use older::{
    __path_cancel as __path_cancel_job, __path_generate, __path_job, cancel as cancel_job, generate, job,
};
pub use order::{only, read_with};
pub use over::{__path_edit, __path_extend, __path_remix, SourceJob, edit, extend, remix};
