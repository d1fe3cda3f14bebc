//! Whose tokens are accepted: those of a real issuer, or of one on this machine to try it with.

use std::env;

use anyhow::bail;
use keycap::SystemClock;
use keycap::jwt::{Jwt, JwtBuilder};
use keycap_standins::issuer::{AUDIENCE, Algorithm, CLIENT_ID, CLIENT_SECRET, Issuer};

/// An issuer of tokens.
pub(crate) enum Tokens {
    /// The one that `OIDC_ISSUER` names.
    Real { issuer: String, audience: String },
    /// One on this machine, which lives as long as this.
    Local(Issuer),
}

impl Tokens {
    /// What the environment names, or else a local one.
    pub(crate) async fn from_environment() -> anyhow::Result<Self> {
        match (env::var("OIDC_ISSUER"), env::var("OIDC_AUDIENCE")) {
            (Ok(issuer), Ok(audience)) => Ok(Self::Real { issuer, audience }),
            (Err(_), Err(_)) => Ok(Self::Local(Issuer::start(SystemClock).await)),
            (Ok(_), Err(_)) => bail!("OIDC_ISSUER needs OIDC_AUDIENCE: the `aud` of its tokens"),
            (Err(_), Ok(_)) => bail!("OIDC_AUDIENCE needs OIDC_ISSUER: whose tokens to accept"),
        }
    }

    /// A provider that accepts its tokens.
    pub(crate) fn provider(&self) -> JwtBuilder {
        match self {
            Self::Real { issuer, audience } => Jwt::issuer(issuer).audience(audience).discover(),
            Self::Local(issuer) => Jwt::issuer(issuer.url()).audience(AUDIENCE).discover(),
        }
    }

    /// A token to try it with, and how to get another, where this machine is the issuer.
    pub(crate) fn sample(&self) -> Option<(String, String)> {
        let Self::Local(issuer) = self else { return None };
        let token = issuer.token(Algorithm::Es256, serde_json::json!({ "sub": CLIENT_ID }));
        let url = issuer.url();
        let another = format!(
            "curl {url}/token -u {CLIENT_ID}:{CLIENT_SECRET} -d grant_type=client_credentials"
        );
        Some((token, another))
    }
}
