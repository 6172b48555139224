//! Durable storage of registrations, the journal of events and the duplicate window.
