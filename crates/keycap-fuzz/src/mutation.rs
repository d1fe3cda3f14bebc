//! Inputs near those of a corpus, from a seed: the same seed makes the same inputs.

/// The longest input that a mutation makes, in bytes.
pub const MAX_INPUT_BYTES: usize = 64 * 1024;
/// The most changes between an input of a corpus and a mutation of it.
const MAX_CHANGES: usize = 6;

/// What readers of text and JSON stumble over.
const TOKENS: [&[u8]; 32] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"null",
    b"true",
    b"false",
    b"0",
    b"-1",
    b"1e999",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"1.5",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\0",
    b"\r\n",
    b"\n",
    b" ",
    b"=",
    b".",
    b"_",
    b"*",
    b"\xe2\x80\xae",
    b"Bearer ",
    b"authorization: ",
    b"{\"a\":",
];

/// Makes inputs.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// Inputs from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// An input near one of `corpus`.
    ///
    /// # Panics
    /// When the corpus is empty.
    pub fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(MAX_CHANGES) {
            self.change(&mut input, corpus);
            input.truncate(MAX_INPUT_BYTES);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (start, end) = self.range(input.len());
        match self.below(7) {
            0 if start < input.len() => input[start] ^= 1 << self.below(8),
            1 if start < input.len() => input[start] = self.next().to_le_bytes()[0],
            2 => drop(input.drain(start..end)),
            3 => {
                let again = input[start..end].to_vec();
                input.splice(end..end, again);
            }
            4 => {
                let other = &corpus[self.below(corpus.len())];
                let (from, to) = self.range(other.len());
                input.splice(start..end, other[from..to].iter().copied());
            }
            5 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(start..end, token.iter().copied());
            }
            _ => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(start..start, token.iter().copied());
            }
        }
    }

    /// A stretch of something that is `length` long, more often a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.below(length + 1);
        let most = if self.below(2) == 0 { 4 } else { length };
        (start, (start + self.below(most + 1)).min(length))
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small bound");
        usize::try_from(self.next() % bound).expect("below the bound")
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
