//! Chance that is the same everywhere.
//!
//! Integers and the four operations only: `powf` and `ln` differ between machines in the last bit, and how rand
//! turns bits into a range between its versions. So a seed gives the same city on every machine.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use uuid::{Builder, Uuid};

/// One stream of chance. Each part of the city has its own, so that a change of one leaves the others as they are.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64, part: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        for (slot, byte) in key[8..].iter_mut().zip(part.bytes()) {
            *slot = byte;
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 0 to `end` - 1; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // Lemire's multiplication without its rejection: the bias is below 2^-32 for every range used here.
        let product = u128::from(self.0.next_u64()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// `first` to `last`, both included.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        let width = u64::try_from(last - first + 1).unwrap_or(1);
        first + i64::try_from(self.below(width)).unwrap_or(0)
    }

    /// In [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        // 53 bits, so that the conversion is exact.
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// An index, by its weight.
    pub(crate) fn weighted(&mut self, weights: &Weights) -> usize {
        let at = self.below(weights.total());
        weights.0.partition_point(|&sum| sum <= at)
    }

    /// A UUIDv7 of that second.
    pub(crate) fn id(&mut self, second: i64) -> Uuid {
        let mut random = [0; 10];
        self.0.fill_bytes(&mut random);
        let millis = u64::try_from(second).unwrap_or(0) * 1000 + self.below(1000);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// The first `n` in a random order (Fisher and Yates, as far as needed).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T], n: usize) {
        for at in 0..n.min(items.len()) {
            let other = at + self.below((items.len() - at) as u64) as usize;
            items.swap(at, other);
        }
    }
}

/// Cumulative weights.
pub(crate) struct Weights(Vec<u64>);

impl Weights {
    pub(crate) fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let mut sum = 0;
        Self(
            weights
                .into_iter()
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        )
    }

    fn total(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_part_give_the_same_chance() {
        let draw = |seed, part| {
            let mut dice = Dice::new(seed, part);
            (dice.below(1000), dice.id(1_700_000_000), dice.unit().to_bits())
        };
        assert_eq!(draw(1, "people"), draw(1, "people"));
        assert_ne!(draw(1, "people"), draw(2, "people"));
        assert_ne!(draw(1, "people"), draw(1, "events"));
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut dice = Dice::new(1, "test");
        let weights = Weights::new([0, 3, 0, 1, 0]);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[dice.weighted(&weights)] += 1;
        }
        assert!(seen[1] > seen[3] && seen[3] > 0);
        assert_eq!((seen[0], seen[2], seen[4]), (0, 0, 0));
    }
}
