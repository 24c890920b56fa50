//! Incidents: what keeps secrets out of trouble beforehand, and what somebody needs in the first ten minutes.

mod judge;
pub mod redact;
