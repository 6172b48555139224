//! The application-facing contract: requests, answers, events and refusals.
