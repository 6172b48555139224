//! The Push Client as a library: sockets, clock and store around the machines.
