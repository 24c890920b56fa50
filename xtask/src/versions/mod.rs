//! Where a version is written, and whether all places agree.
