//! OpenAI's own endpoints, as its SDKs speak them.

pub mod answer;
pub mod chat;
pub mod choice;
pub mod dialect;
mod ended;
pub mod files;
pub mod follow;
pub mod images;
pub mod job_view;
pub mod models;
pub mod relay;
pub mod request;
pub mod request_schema;
pub mod responses;
pub mod stream;
pub mod videos;
