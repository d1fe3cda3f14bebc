//! A server that misbehaves on command.
