//! Black-box tests of the built binaries against other programs.
