//! Keycap's ledger and key store in one SQLite file.
