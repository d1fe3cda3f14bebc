//! Unkey: keys kept by its service.
