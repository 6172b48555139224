//! Other people's programs on the same octets as ours.

mod harness;
