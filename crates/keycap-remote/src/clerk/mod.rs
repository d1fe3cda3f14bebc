//! Clerk: API keys and machine tokens.
