//! Between the contract's types and the code's.

use chrono::{DateTime, Utc};
use crewup_proto::google::r#type::LatLng;
use prost_types::Timestamp;
use rust_decimal::{Decimal, prelude::FromPrimitive, prelude::ToPrimitive};

/// An instant for the wire.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos().cast_signed() }
}

/// An instant from the wire, cut to the microseconds that PostgreSQL keeps, so that what is answered is what was
/// stored. None where it is outside the years 1 to 9999.
pub fn instant(at: &Timestamp) -> Option<DateTime<Utc>> {
    let in_range = (-62_135_596_800..=253_402_300_799).contains(&at.seconds);
    let nanos = u32::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    DateTime::from_timestamp(at.seconds, nanos / 1_000 * 1_000).filter(|_| in_range)
}

/// A place as the database keeps it: degrees with 8 decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// -90 to 90.
    pub latitude: Decimal,
    /// -180 to 180.
    pub longitude: Decimal,
}

impl Place {
    /// From the wire. None where a coordinate is not a number or outside its range; 0 is a value.
    pub fn from_wire(at: &LatLng) -> Option<Self> {
        let inside = (-90.0..=90.0).contains(&at.latitude) && (-180.0..=180.0).contains(&at.longitude);
        inside.then_some(())?;
        Some(Self {
            latitude: Decimal::from_f64(at.latitude)?.round_dp(8),
            longitude: Decimal::from_f64(at.longitude)?.round_dp(8),
        })
    }

    /// From two columns. None where the row has no place.
    pub fn from_columns(latitude: Option<Decimal>, longitude: Option<Decimal>) -> Option<Self> {
        Some(Self { latitude: latitude?, longitude: longitude? })
    }

    /// For the wire.
    pub fn to_wire(self) -> LatLng {
        LatLng {
            latitude: self.latitude.to_f64().unwrap_or_default(),
            longitude: self.longitude.to_f64().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_instant_survives_the_way_to_the_wire_and_back() {
        let at = DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap();
        assert_eq!(instant(&timestamp(at)), Some(at));
    }

    #[test]
    fn instants_outside_the_contract_are_none() {
        for (seconds, nanos) in [(i64::MAX, 0), (253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 1_000_000_000)]
        {
            assert_eq!(instant(&Timestamp { seconds, nanos }), None, "{seconds} {nanos}");
        }
    }

    #[test]
    fn zero_is_a_place_and_nonsense_is_none() {
        assert!(Place::from_wire(&LatLng { latitude: 0.0, longitude: 0.0 }).is_some());
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(Place::from_wire(&LatLng { latitude, longitude }), None);
        }
    }
}
