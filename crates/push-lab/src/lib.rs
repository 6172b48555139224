//! Push servers for tests, demos and labs.
