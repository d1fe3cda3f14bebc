//! What tokens say, read the same way wherever they come from.
