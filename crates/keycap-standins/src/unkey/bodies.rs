//! What clients send, by Unkey's OpenAPI: unknown fields are refused, as there.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateKey {
    pub(super) api_id: String,
    pub(super) prefix: Option<String>,
    pub(super) name: Option<String>,
    #[serde(rename = "byteLength")]
    pub(super) _byte_length: Option<u8>,
    pub(super) external_id: Option<String>,
    pub(super) meta: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) permissions: Vec<String>,
    pub(super) expires: Option<i64>,
    pub(super) credits: Option<Remaining>,
    #[serde(default)]
    pub(super) ratelimits: Vec<LimitRow>,
    pub(super) enabled: Option<bool>,
    #[serde(rename = "recoverable")]
    pub(super) _recoverable: Option<bool>,
}

impl CreateKey {
    pub(super) fn for_api(api_id: &str) -> Self {
        serde_json::from_value(serde_json::json!({ "apiId": api_id })).expect("all that is needed")
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remaining {
    pub(super) remaining: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LimitRow {
    pub(super) name: String,
    pub(super) limit: i64,
    pub(super) duration: i64,
    #[serde(default)]
    pub(super) auto_apply: bool,
}

/// `None` leaves a field as it is, `Some(None)` (JSON's `null`) clears it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateKey {
    pub(super) key_id: String,
    #[serde(default, deserialize_with = "given")]
    pub(super) name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) external_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) meta: Option<Option<Map<String, Value>>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) expires: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) credits: Option<Option<Remaining>>,
    pub(super) ratelimits: Option<Vec<LimitRow>>,
    pub(super) enabled: Option<bool>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) permissions: Option<Vec<String>>,
}

fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeleteKey {
    pub(super) key_id: String,
    #[serde(rename = "permanent")]
    _permanent: Option<bool>,
}

/// `permissions`, `ratelimits` and `migrationId` are not understood here, and so refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyKey {
    pub(super) key: String,
    pub(super) credits: Option<Cost>,
    #[serde(rename = "tags")]
    _tags: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    pub(super) cost: i64,
}
