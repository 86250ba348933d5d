//! `conformance` holds the scenarios that every binding shows, `border` what Rust promises at the border to C.

mod border;
mod conformance;
mod support;
