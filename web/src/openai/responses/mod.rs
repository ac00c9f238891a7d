//! `/v1/responses` with the `image_generation` tool, in media-only mode (api.md §6): the tool is called once, with the prompt and
//! the pictures of the input. A response and the job behind it have one UUID.

mod conversation;
mod handlers;
mod order;
mod view;
mod voice;

pub use handlers::{
    __path_cancel, __path_create, __path_delete, __path_retrieve, cancel, create, delete, retrieve,
};
