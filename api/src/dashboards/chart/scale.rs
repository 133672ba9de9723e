//! The axis of a chart: from where to where it goes, in which round steps.

use super::Point;

/// Values to heights: the least at the bottom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) height: f64,
    pub(super) step: f64,
}

impl Scale {
    pub(super) fn of(points: &[Point], height: f64, from_zero: bool) -> Option<Self> {
        let values = || {
            points
                .iter()
                .flat_map(|point| [point.value, point.target, point.compared])
                .flatten()
                .filter(|value| value.is_finite())
        };
        points.iter().find_map(|point| point.value)?;
        let (mut least, mut most) =
            values().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
        if from_zero {
            (least, most) = (least.min(0.0), most.max(0.0));
        }
        if (most - least).abs() < f64::EPSILON {
            (least, most) = (least - 0.5, most + 0.5);
        }
        let mut step = 10_f64.powf(((most - least) / 4.0).log10().floor());
        for factor in [2.0, 2.5, 2.0] {
            if (most - least) / step > 6.0 {
                step *= factor;
            }
        }
        if from_zero {
            (least, most) = ((least / step).floor() * step, (most / step).ceil() * step);
        }
        Some(Self { least, most, height, step })
    }

    /// From a round number to another.
    pub(super) fn rounded(self, step_min: f64) -> Self {
        let step = self.step.max(step_min);
        // What is a round number already stays it, however it is kept.
        let near = 1e-6;
        let (least, most) = ((self.least / step + near).floor() * step, (self.most / step - near).ceil() * step);
        Self { least, most, step, ..self }
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.height * (self.most - value) / (self.most - self.least)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        let count = ((self.most - self.least) / self.step).round() as usize;
        (0..=count)
            .map(|place| self.least + self.step * place as f64)
            .map(|tick| if tick.abs() < self.step / 1e6 { 0.0 } else { tick })
            .collect()
    }
}
