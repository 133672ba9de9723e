//! A write's token: how far each partition must have been projected for the write to be seen.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Partition, Position};

use crate::problem::{INVALID_TOKEN, Problem};

/// The form of the bytes within; the first of them.
const FORM: u8 = 1;
/// No token of ours is longer: a form, and 3 + 10 bytes for each of 65,536 partitions would be, but ledgers have few.
const LENGTH_MAX: usize = 4_096;

/// Opaque to clients: base64url of `FORM`, then a partition and its next position for each, as LEB128 numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Token(BTreeMap<Partition, Position>);

impl Token {
    /// Whoever has applied all of `partition` below `next` has seen it too.
    pub(crate) fn add(&mut self, partition: Partition, next: Position) {
        let known = self.0.entry(partition).or_default();
        *known = next.max(*known);
    }

    pub(crate) fn needs(&self) -> impl Iterator<Item = (Partition, Position)> {
        self.0.iter().map(|(partition, next)| (*partition, *next))
    }

    pub(crate) fn parse(text: &str, partitions: u16) -> Result<Self, Problem> {
        let no_token = || Problem::new(&INVALID_TOKEN, "after is not a token of this ledger").at("/after");
        if text.len() > LENGTH_MAX {
            return Err(no_token());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| no_token())?;
        Self::from_bytes(&bytes).filter(|token| token.0.keys().all(|partition| partition.0 < partitions)).ok_or_else(no_token)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&FORM, mut rest) = bytes.split_first()? else { return None };
        let mut token = Self::default();
        while !rest.is_empty() {
            let partition = Partition(u16::try_from(read_number(&mut rest)?).ok()?);
            token.add(partition, Position(read_number(&mut rest)?));
        }
        Some(token)
    }
}

/// The positions that a token of a ledger with so many partitions stands for; none: it is no such token.
pub fn positions_of_token(token: &str, partitions: u16) -> Option<Vec<(Partition, Position)>> {
    Token::parse(token, partitions).ok().map(|token| token.needs().collect())
}

impl FromIterator<(Partition, Position)> for Token {
    fn from_iter<I: IntoIterator<Item = (Partition, Position)>>(places: I) -> Self {
        let mut token = Self::default();
        for (partition, next) in places {
            token.add(partition, next);
        }
        token
    }
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![FORM];
        for (partition, next) in &self.0 {
            write_number(&mut bytes, u64::from(partition.0));
            write_number(&mut bytes, next.0);
        }
        formatter.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl serde::Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("7 bits");
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(places: &[(u16, u64)]) -> Token {
        places.iter().map(|(partition, next)| (Partition(*partition), Position(*next))).collect()
    }

    #[test]
    fn a_token_reads_back() {
        for places in [&[][..], &[(0, 0)], &[(0, 1), (7, 127)], &[(1, 128), (7, 16_384)], &[(3, u64::MAX)]] {
            let token = token(places);
            assert_eq!(Token::parse(&token.to_string(), 8).expect("a token"), token);
        }
    }

    #[test]
    fn the_furthest_place_of_a_partition_counts() {
        assert_eq!(token(&[(1, 5), (2, 1), (1, 3)]), token(&[(1, 5), (2, 1)]));
    }

    #[test]
    fn anything_else_is_no_token() {
        let other_ledgers = token(&[(8, 1)]).to_string();
        let long = "A".repeat(LENGTH_MAX + 1);
        for text in ["", "nonsense", "AA", "AQE", "AYCAgICAgICAgICAgAE", "!", &other_ledgers, &long] {
            let problem = Token::parse(text, 8).expect_err("no token");
            assert_eq!(problem.kind.code, "invalid_token", "{text:?}");
        }
    }
}
