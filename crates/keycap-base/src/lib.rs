//! Words both halves of Keycap share: time, scopes, patterns, networks, labels.
