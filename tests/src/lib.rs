//! Whole-system tests of Keycap.
