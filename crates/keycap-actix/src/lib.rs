//! Keycap for actix-web: the middleware and the Key extractor.
