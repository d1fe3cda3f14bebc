//! Who is calling: secrets, key format, identity providers, issued keys and the table of live keys.
