//! Stands in for an issuer of JSON Web Tokens: discovery, keys, client credentials.
