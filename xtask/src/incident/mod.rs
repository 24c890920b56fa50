//! Incidents: what keeps secrets out of trouble beforehand, and what somebody needs in the first ten minutes.
//!
//! `redact` is the one redactor for every byte that leaves. The checks `env`, `tools` and `logs` read and report. `bundle` collects for support and fails
//! closed; `isolate` runs with integrations and memory layer off and puts everything back.

pub mod redact;

pub(crate) mod bundle;
pub(crate) mod env;
mod env_rules;
mod envfile;
pub(crate) mod isolate;
mod judge;
pub(crate) mod logs;
pub(crate) mod packed;
pub(crate) mod secrets;
mod sources;
pub(crate) mod tools;
