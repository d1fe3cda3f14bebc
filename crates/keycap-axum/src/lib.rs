//! Keycap for axum: the layer and the Key extractor.
