//! Virtual clock, simulated bearers and the reference model for tests.
