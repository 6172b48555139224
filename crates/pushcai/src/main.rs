//! The command line of the Push Client.

fn main() {}
