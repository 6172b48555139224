//! The Push Client daemon.

fn main() {}
