//! Stands in for Unkey.
