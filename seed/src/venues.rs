//! Where things happen: `venues.tsv`, real streets of Zürich with coordinates in the city.
//!
//! Columns: type, name, street and number, postcode, district, latitude, longitude (five places).

use std::str::FromStr;

/// A type of event, and of the places where such events happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bar,
    Club,
    Concert,
    Party,
    Restaurant,
    Outdoor,
    Sports,
    Other,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] =
        [Self::Bar, Self::Club, Self::Concert, Self::Party, Self::Restaurant, Self::Outdoor, Self::Sports, Self::Other];

    /// As in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Club => "club",
            Self::Concert => "concert",
            Self::Party => "party",
            Self::Restaurant => "restaurant",
            Self::Outdoor => "outdoor",
            Self::Sports => "sports",
            Self::Other => "other",
        }
    }
}

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Venue {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) street: &'static str,
    pub(crate) postcode: &'static str,
    pub(crate) district: &'static str,
    pub(crate) place: Place,
}

/// In 0.00001 degrees, about a metre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) latitude: i64,
    pub(crate) longitude: i64,
}

impl Venue {
    pub(crate) fn address(&self) -> String {
        format!("{}, {}, {} Zürich", self.name, self.street, self.postcode)
    }
}

/// All of the list.
pub(crate) fn all() -> Vec<Venue> {
    include_str!("venues.tsv").lines().filter_map(venue).collect()
}

fn venue(line: &'static str) -> Option<Venue> {
    let columns: Vec<_> = line.split('\t').collect();
    let &[kind, name, street, postcode, district, latitude, longitude] = columns.as_slice() else {
        return None;
    };
    Some(Venue {
        kind: Kind::ALL.into_iter().find(|known| known.name() == kind)?,
        name,
        street,
        postcode,
        district,
        place: Place { latitude: degrees(latitude)?, longitude: degrees(longitude)? },
    })
}

fn degrees(text: &str) -> Option<i64> {
    let (whole, places) = text.split_once('.')?;
    (places.len() == 5).then(|| i64::from_str(&format!("{whole}{places}")).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_venue_in_the_city() {
        let venues = all();
        assert_eq!(venues.len(), include_str!("venues.tsv").lines().count());
        for venue in &venues {
            let Place { latitude, longitude } = venue.place;
            assert!((4_732_000..=4_743_500).contains(&latitude), "{venue:?}");
            assert!((844_800..=862_600).contains(&longitude), "{venue:?}");
            assert!(venue.postcode.starts_with("80") && venue.postcode.len() == 4, "{venue:?}");
        }
        for kind in Kind::ALL {
            assert!(venues.iter().filter(|venue| venue.kind == kind).count() >= 15, "{kind:?}");
        }
    }
}
