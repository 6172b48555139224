//! The Push Client of Push-CAI as a machine without I/O.
