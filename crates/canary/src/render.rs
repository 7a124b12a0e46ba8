//! A report as JSON and as text. It refuses to decide anything, and to say more digits than there are.

mod json;
mod text;

pub use json::{Asked, render_json};
pub use text::render_text;
