//! What a service counts of its domain, for its operator: noted in a transaction, and counted once that is committed.

use std::{sync::OnceLock, time::Duration};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};

/// A figure of the domain. Its name goes to operators' dashboards and alerts: renaming it breaks them.
pub struct Figure {
    name: &'static str,
    what: &'static str,
    /// Of times in seconds: the bounds of their classes. Empty: a count.
    bounds: &'static [f64],
    made: OnceLock<Instrument>,
}

enum Instrument {
    Count(Counter<u64>),
    Times(Histogram<f64>),
}

impl Figure {
    /// How many: `crewup.<things>.<what happened to them>`.
    pub const fn count(name: &'static str, what: &'static str) -> Self {
        Self { name, what, bounds: &[], made: OnceLock::new() }
    }

    /// How long, in seconds, in classes up to each of `bounds`.
    pub const fn times(name: &'static str, what: &'static str, bounds: &'static [f64]) -> Self {
        Self { name, what, bounds, made: OnceLock::new() }
    }

    fn instrument(&self) -> &Instrument {
        self.made.get_or_init(|| {
            let meter = global::meter("crewup");
            if self.bounds.is_empty() {
                return Instrument::Count(meter.u64_counter(self.name).with_description(self.what).build());
            }
            let times = meter.f64_histogram(self.name).with_unit("s").with_description(self.what);
            Instrument::Times(times.with_boundaries(self.bounds.to_vec()).build())
        })
    }
}

/// Something to be counted when the transaction is committed.
pub(crate) enum Noted {
    One(&'static Figure, &'static str),
    Took(&'static Figure, Duration),
}

impl Noted {
    pub(crate) fn record(&self) {
        match self {
            Self::One(figure, kind) => {
                if let Instrument::Count(count) = figure.instrument() {
                    count.add(1, &[KeyValue::new("kind", *kind)]);
                }
            }
            Self::Took(figure, time) => {
                if let Instrument::Times(times) = figure.instrument() {
                    times.record(time.as_secs_f64(), &[]);
                }
            }
        }
    }
}
