//! JSON that can be read in one way only: the one reader of all that decides about a key.
//!
//! Of two members with the same name, readers disagree on which counts (RFC 8259 §4), so an object that
//! has them, at any depth, is refused, as are texts nested deeper than 127 levels. Never grows an option
//! that lets more through.
//!
//! Names are checked first and values are read then by `serde_json` alone, because only it knows how it
//! keeps numbers: whoever builds an application may have switched its `arbitrary_precision` on.

use std::collections::HashSet;
use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};

/// A text is not JSON that can be read in one way only. Says where and not what: it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JsonError(String);

/// Reads an object.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, JsonError> {
    read(text)
}

/// Reads what fits `T`.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let checked = UniqueNames.deserialize(&mut reader).and_then(|()| reader.end());
    checked.and_then(|()| serde_json::from_slice(text)).map_err(|error| JsonError(place(&error)))
}

/// Where a JSON text went wrong. What stands there may be a secret.
pub(crate) fn place(error: &serde_json::Error) -> String {
    let (kind, line, column) = (error.classify(), error.line(), error.column());
    format!("{kind:?} error in JSON at line {line}, column {column}")
}

/// Goes through a value, whose objects have no name twice.
#[derive(Clone, Copy)]
struct UniqueNames;

impl<'de> DeserializeSeed<'de> for UniqueNames {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a name twice in one object")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = object.next_key::<String>()? {
            object.next_value_seed(self)?;
            if !names.insert(name) {
                return Err(A::Error::custom("a name twice in one object"));
            }
        }
        Ok(())
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
    fn numbers_are_kept_as_serde_json_keeps_them() {
        for number in ["0", "-0", "1.5e9", "9007199254740993", "18446744073709551616", "1e308"] {
            let text = format!(r#"{{"a":[{number}]}}"#);
            let read: Map<String, Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(object(text.as_bytes()), Ok(read), "{number}");
        }
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
