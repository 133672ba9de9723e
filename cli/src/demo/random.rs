//! Chance that is the same everywhere and for ever: SplitMix64, so that no library's next version changes the demo, and so
//! that a user's traits can be drawn from the user's number alone.

#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The chances of one thing among its like, whatever was drawn for others before.
    pub(super) fn of(seed: u64, kind: u64, number: u64) -> Self {
        let mut random = Self(seed ^ kind.rotate_left(32) ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0 and less than 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Less than `end`, which is not 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of these, as often as its weight says.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[(T, f64)]) -> T {
        let mut left = self.unit() * choices.iter().map(|(_, weight)| weight).sum::<f64>();
        for (choice, weight) in choices {
            left -= weight;
            if left < 0.0 {
                return *choice;
            }
        }
        choices.last().expect("there is a choice").0
    }

    /// Half of what comes is above the median; `sigma` is the spread of its logarithm.
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let (radius, angle) = ((-2.0 * (1.0 - self.unit()).ln()).sqrt(), std::f64::consts::TAU * self.unit());
        median * (sigma * radius * angle.cos()).exp()
    }

    /// A waiting time with this mean.
    pub(super) fn wait(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_shape_that_they_say() {
        let mut random = Random::new(1);
        let share = (0..10_000).filter(|_| random.pick(&[(true, 3.0), (false, 1.0)])).count();
        assert!((7_300..7_700).contains(&share), "{share}");
        let above = (0..10_000).filter(|_| random.log_normal(800.0, 0.6) > 800.0).count();
        assert!((4_800..5_200).contains(&above), "{above}");
        let mean = (0..10_000).map(|_| random.wait(45.0)).sum::<f64>() / 10_000.0;
        assert!((43.0..47.0).contains(&mean), "{mean}");
    }

    #[test]
    fn a_things_chances_are_its_own() {
        assert_eq!(Random::of(1, 2, 3).next(), Random::of(1, 2, 3).next());
        assert_ne!(Random::of(1, 2, 3).next(), Random::of(1, 2, 4).next());
    }
}
