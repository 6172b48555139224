//! The application-facing contract on D-Bus: `org.pushcai.Client1`, and the event as a map that `org.pushcai.Handler1` takes.

#![forbid(unsafe_code)]
