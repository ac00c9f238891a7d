//! `/v1/videos` in OpenAI's shape (api.md §2): made, polled, listed, downloaded, remixed, edited, extended, deleted. A video and the
//! job that makes it have one UUID.

mod content;
mod create;
mod dialect;
mod manage;
mod order;
mod over;
mod view;

pub use content::{__path_content, content};
pub use create::{__path_create, create};
pub use manage::{__path_delete, __path_list, __path_retrieve, delete, list, retrieve};
pub use over::{__path_edit, __path_extend, __path_remix, edit, extend, remix};
