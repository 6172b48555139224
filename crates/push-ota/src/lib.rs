//! Push OTA protocol machines without I/O.
