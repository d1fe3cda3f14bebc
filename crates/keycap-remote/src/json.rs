//! JSON that can be read in one way only.
//!
//! Of two members with the same name, readers disagree on which counts (RFC 8259 §4), so an object that
//! has them, at any depth, is refused, as are texts nested deeper than 127 levels. For what decides
//! about a key; never grows an option that lets more through.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::http::CallError;

/// Reads an object.
///
/// # Errors
/// [`CallError::Unreadable`], which says where and not what: the text may hold a secret.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, CallError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match read.map_err(|error| CallError::unreadable_json(&error))? {
        Value::Object(members) => Ok(members),
        _ => Err(CallError::Unreadable("it is no JSON object".into())),
    }
}

/// Reads any value whose objects have no name twice.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a name twice in one object")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(Self)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name twice in one object"));
            }
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
    }

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text = br#"{"a":null,"b":[true,-1,18446744073709551615,1.5,"x\u00e9\n"],"c":{"a":{}}}"#;
        let read: Map<String, Value> = serde_json::from_slice(text).unwrap();
        assert_eq!(object(text), Ok(read));
    }

    #[test]
    fn a_name_twice_is_refused_at_any_depth() {
        for twice in
            [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#]
        {
            assert!(object(twice.as_bytes()).is_err(), "{twice}");
        }
        assert!(object(br#"{"a":{"a":{"a":1}},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for wrong in
            ["", "{", "null", "[]", "\"{}\"", "1", "{}x", "{} {}", "{\"a\":1,}", "\u{feff}{}"]
        {
            assert!(object(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err());
        assert!(object(b" {} \n").is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        assert!(object(nested(127).as_bytes()).is_ok());
        assert!(object(nested(128).as_bytes()).is_err());
        assert!(object(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn p9_an_error_shows_nothing_of_the_text() {
        for text in [r#"{"token-of-alice":1,"token-of-alice":1}"#, r#"{"a":"token-of-alice"#] {
            let error = object(text.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("alice"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes: Vec<u8>) {
            let _ = object(&bytes);
        }
    }
}
