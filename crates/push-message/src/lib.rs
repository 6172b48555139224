//! The vocabulary of push: messages, application ids, content types, addresses, whitelists.
