//! Stands in for Clerk.
