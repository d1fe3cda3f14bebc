//! Put a spend cap on every API key.
