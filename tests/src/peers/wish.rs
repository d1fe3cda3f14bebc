//! What a token of the OpenID provider should be like: how it is signed, whose it is, what it says.
//! The names are those of `tests/peers/oidc/settings.mjs`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keycap_standins::issuer::Algorithm;
use serde_json::Value;

use crate::wire::Request;

/// The resource whose tokens are opaque; tokens for no resource at all are opaque too.
pub const OPAQUE_RESOURCE: &str = "https://api.example/opaque";

/// The resource whose tokens are JWTs signed so; their `aud`.
#[must_use]
pub fn resource(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 => "https://api.example/rs256",
        Algorithm::Ps256 => "https://api.example/ps256",
        Algorithm::Es256 => "https://api.example/es256",
        Algorithm::EdDsa => "https://api.example/eddsa",
    }
}

/// A client that has a secret. Any client may introspect any token, and revoke its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Authenticates by `client_secret_basic`.
    Basic,
    /// Authenticates by `client_secret_post`.
    Post,
    /// As [`Client::Basic`], with an id and a secret that need encoding first.
    Odd,
}

impl Client {
    /// Its `client_id`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Basic => "app-basic",
            Self::Post => "app-post",
            Self::Odd => "app:odd +%",
        }
    }

    /// Its `client_secret`.
    #[must_use]
    pub fn secret(self) -> &'static str {
        match self {
            Self::Basic => "test-secret-of-app-basic",
            Self::Post => "test-secret-of-app-post",
            Self::Odd => "test:secret of+app&odd%2F",
        }
    }

    /// The request with this form, as this client sends it.
    pub(super) fn authenticated(self, request: Request, mut form: Vec<(&str, &str)>) -> Request {
        if self == Self::Post {
            form.extend([("client_id", self.id()), ("client_secret", self.secret())]);
            return request.form(&form);
        }
        // RFC 6749, section 2.3.1: both are encoded as a form's values before they are joined.
        let encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(self.id()), encoded(self.secret()));
        request
            .form(&form)
            .header("Authorization", format!("Basic {}", BASE64_STANDARD.encode(pair)))
    }
}

/// What a token should be like.
#[derive(Clone, Debug)]
#[must_use]
pub struct Wish {
    client: Client,
    parameters: Vec<(&'static str, String)>,
}

impl Wish {
    /// A token for this resource and no scope, by [`Client::Basic`].
    pub fn of(resource: &str) -> Self {
        let parameters = vec![("resource", resource.to_owned())];
        Self { client: Client::Basic, parameters }
    }

    /// By this client.
    pub fn by(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// With these scopes, a space between each two: of `chat`, `admin`, `models:read`.
    pub fn scope(self, scope: &str) -> Self {
        self.with("scope", scope.to_owned())
    }

    /// With these claims, an object; in a JWT they replace those that the provider would set.
    pub fn claims(self, claims: &Value) -> Self {
        self.with("test_claims", claims.to_string())
    }

    /// With a life of so many seconds, instead of 600.
    pub fn life_s(self, seconds: u32) -> Self {
        self.with("test_life_s", seconds.to_string())
    }

    pub(super) fn client(&self) -> Client {
        self.client
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str()))
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.parameters.push((name, value));
        self
    }
}
