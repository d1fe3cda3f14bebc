//! Keycap as a tower layer: a spend cap before any HTTP service.
