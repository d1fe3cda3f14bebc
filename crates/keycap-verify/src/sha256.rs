//! SHA-256 (FIPS 180-4), short for what is hashed with every request.
//!
//! The hash itself is the library's. What is done here is the padding of a message that fits into one
//! block, for which the library goes through a buffer that a key does not need.

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

/// The longest message that fits into one block with its padding.
#[cfg(test)]
const MAX_ONE_BLOCK_BYTES: usize = 55;

/// The first hash value (FIPS 180-4 §5.3.3).
const FIRST: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[inline]
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    match padded(message) {
        Some(block) => of_block(block),
        None => Sha256::digest(message).into(),
    }
}

/// The message, a one bit, zeros, and its length in bits (§5.1.1); `None` if one block is too small.
#[inline]
fn padded(message: &[u8]) -> Option<[u8; 64]> {
    let mut block = [0; 64];
    let (text, length) = block.split_last_chunk_mut::<8>()?;
    let (copy, rest) = text.split_at_mut_checked(message.len())?;
    *rest.first_mut()? = 0x80;
    copy.copy_from_slice(message);
    *length = (u64::try_from(message.len()).ok()? * 8).to_be_bytes();
    Some(block)
}

#[inline]
fn of_block(block: [u8; 64]) -> [u8; 32] {
    let mut state = FIRST;
    compress256(&mut state, &[block]);
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_librarys_hash_at_every_length() {
        let message: Vec<u8> = (0..=255).cycle().take(300).collect();
        for length in 0..=message.len() {
            let expected: [u8; 32] = Sha256::digest(&message[..length]).into();
            assert_eq!(sha256(&message[..length]), expected, "{length}");
            assert_eq!(padded(&message[..length]).is_some(), length <= MAX_ONE_BLOCK_BYTES);
        }
    }

    #[test]
    fn it_is_the_hash_of_the_standard() {
        let hex = |message: &[u8]| crate::Digest::from_bytes(sha256(message)).to_hex();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let two = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
        assert_eq!(hex(b"abc"), abc);
        assert_eq!(hex(b""), empty);
        assert_eq!(hex(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), two);
    }
}
