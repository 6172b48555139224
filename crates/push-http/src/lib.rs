//! The application-facing contract as HTTP and server-sent events.
