//! The only form in which a secret is stored or looked up.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

use constant_time_eq::constant_time_eq_32;

use crate::sha256::sha256;

/// SHA-256 (FIPS 180-4) of a secret.
///
/// Compared in constant time; `Debug` shows its first four bytes.
///
/// ```
/// use keycap_verify::{Digest, Secret};
///
/// let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// let digest = Digest::from_hex(hex)?;
/// assert_eq!(digest, Secret::parse("abc").unwrap().digest());
/// assert_eq!(format!("{digest:?}"), "Digest(ba7816bf..)");
/// # Ok::<(), keycap_verify::DigestError>(())
/// ```
#[derive(Clone, Copy, Eq)]
pub struct Digest([u8; 32]);

/// A text is no digest: it takes 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 digest; write its 32 bytes as 64 hexadecimal digits")]
#[non_exhaustive]
pub struct DigestError;

impl Digest {
    /// The digest of what a caller presented: that of the secret, if it is one.
    ///
    /// For looking bytes up that were not read as a [`Secret`](crate::Secret) yet. Whoever takes them
    /// from a request bounds them first
    /// ([`MAX_SECRET_BYTES`](crate::MAX_SECRET_BYTES)), since the work grows with them.
    ///
    /// ```
    /// use keycap_verify::{Digest, Secret};
    ///
    /// assert_eq!(Digest::of_presented(b"abc"), Secret::parse("abc")?.digest());
    /// # Ok::<(), keycap_verify::Malformed>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn of_presented(bytes: &[u8]) -> Self {
        Self::of(bytes)
    }

    /// The digest of `plaintext`.
    #[inline]
    pub(crate) fn of(plaintext: &[u8]) -> Self {
        Self(sha256(plaintext))
    }

    /// A digest as a store keeps it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits of either case, as other systems export them.
    ///
    /// # Errors
    /// [`DigestError`] for any other text.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Ok(Self(bytes))
    }

    /// 64 lower-case hexadecimal digits, as [`Digest::from_hex`] reads them.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// The first eight bytes: as good as random, so good enough to spread by.
    pub(crate) fn spread(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

fn nibble(digit: u8) -> Result<u8, DigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(DigestError),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq_32(&self.0, &other.0)
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.spread());
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Digest({}..)", hex(&[a, b, c, d]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn hex_of_either_case_reads_and_prints() {
        let digest = Digest::from_hex(ABC).unwrap();
        assert_eq!(digest, Digest::of(b"abc"));
        assert_eq!(Digest::from_hex(&ABC.to_uppercase()), Ok(digest));
        assert_eq!(digest.to_hex(), ABC);
        assert_eq!(Digest::from_bytes(*digest.as_bytes()), digest);
    }

    #[test]
    fn any_other_text_is_refused() {
        for wrong in
            ["", "ba78", &ABC[1..], &format!("{ABC}0"), &ABC.replace('b', "g"), &"é".repeat(32)]
        {
            assert_eq!(Digest::from_hex(wrong), Err(DigestError), "{wrong:?}");
        }
    }

    #[test]
    fn digests_that_differ_in_one_bit_differ() {
        let one = Digest::of(b"abc");
        for bit in 0..256 {
            let mut bytes = *one.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Digest::from_bytes(bytes), one);
        }
    }
}
