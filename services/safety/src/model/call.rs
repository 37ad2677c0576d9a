//! What a sender says: raising an alert and changing it (S3, S8, S12).

use chrono::{DateTime, Utc};
use crewup_proto::safety::{self as wire, AlertType};
use crewup_shared::{
    convert::Place,
    fields::Fields,
    id::{GroupId, UserId},
    mask::Mask,
};

use super::{Alert, names::type_name};

const LONGEST_MESSAGE: usize = 1000;
const WIDEST: f64 = 100_000.0;
const MOST_GROUPS: usize = 50;
const MOST_PEOPLE: usize = 100;

/// Where the sender is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SentPlace {
    pub(crate) place: Place,
    /// Metres.
    pub(crate) accuracy: Option<f64>,
    pub(crate) recorded_at: DateTime<Utc>,
}

/// A call for help. None and empty: nothing said; what an active alert has stays (S3).
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) kind: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) place: Option<SentPlace>,
    pub(crate) only: Vec<GroupId>,
    pub(crate) without_groups: Vec<GroupId>,
    pub(crate) without_people: Vec<UserId>,
}

impl Call {
    /// Reads TriggerAlert, at `now`.
    pub(crate) fn parse(fields: &mut Fields, req: &wire::TriggerAlertRequest, now: DateTime<Utc>) -> Self {
        let kind: Option<AlertType> = fields.optional_enum("type", req.r#type);
        Self {
            kind: kind.map(type_name),
            message: fields.text("message", &req.message, LONGEST_MESSAGE),
            place: place(fields, "place", req.place.as_ref(), now),
            only: fields.ids_up_to("group_ids", &req.group_ids, MOST_GROUPS),
            without_groups: fields.ids_up_to("excluded_group_ids", &req.excluded_group_ids, MOST_GROUPS),
            without_people: fields.ids_up_to("excluded_user_ids", &req.excluded_user_ids, MOST_PEOPLE),
        }
    }
}

/// A change of an active alert. Outer None: the mask does not name it.
#[derive(Debug)]
pub(crate) struct Edit {
    alert_id: String,
    pub(crate) kind: Option<String>,
    pub(crate) message: Option<Option<String>>,
    pub(crate) place: Option<Option<SentPlace>>,
}

impl Edit {
    /// Reads UpdateAlert, at `now`.
    pub(crate) fn parse(fields: &mut Fields, req: &wire::UpdateAlertRequest, now: DateTime<Utc>) -> Self {
        let mask = Mask::parse(fields, req.update_mask.as_ref(), &["type", "message", "place"]);
        fields.check("alert", req.alert.is_some(), "is required");
        let alert = req.alert.clone().unwrap_or_default();
        let mut edit = Self { kind: None, message: None, place: None, alert_id: alert.id };
        if mask.has("type") {
            let kind: Option<AlertType> = fields.required_enum("alert.type", alert.r#type);
            edit.kind = kind.map(type_name);
        }
        if mask.has("message") {
            edit.message = Some(fields.text("alert.message", &alert.message, LONGEST_MESSAGE));
        }
        if mask.has("place") {
            edit.place = Some(place(fields, "alert.place", alert.place.as_ref(), now));
        }
        edit
    }

    /// Which alert, as it came.
    pub(crate) fn alert_id(&self) -> &str {
        &self.alert_id
    }

    /// Whether anything would be another than it is. A place that was recorded before the one held is no news (S8).
    pub(crate) fn changes(&self, alert: &Alert) -> bool {
        let place = match (&self.place, alert.place()) {
            (None, _) => false,
            (Some(new), held) => match (new, held) {
                (Some(new), Some(held)) => new.recorded_at >= held.recorded_at && *new != held,
                (new, held) => new.is_some() != held.is_some(),
            },
        };
        let kind = self.kind.as_ref().is_some_and(|kind| *kind != alert.alert_type);
        let message = self.message.as_ref().is_some_and(|message| *message != alert.message);
        place || kind || message
    }
}

fn place(fields: &mut Fields, field: &str, sent: Option<&wire::Place>, now: DateTime<Utc>) -> Option<SentPlace> {
    let sent = sent?;
    let location = format!("{field}.location");
    fields.check(&location, sent.location.is_some(), "is required");
    let place = fields.place(&location, sent.location.as_ref());
    let in_range = sent.accuracy_meters.is_none_or(|meters| (0.0..=WIDEST).contains(&meters));
    fields.check(&format!("{field}.accuracy_meters"), in_range, "must be 0 to 100,000 metres");
    let recorded_at = fields.instant(&format!("{field}.record_time"), sent.record_time.as_ref());
    // A device's clock may be ahead.
    let recorded_at = recorded_at.map_or(now, |at| at.min(now));
    Some(SentPlace { place: place?, accuracy: sent.accuracy_meters, recorded_at })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use crewup_proto::google::r#type::LatLng;
    use crewup_shared::convert::timestamp;

    use super::*;

    fn sent(latitude: f64, seconds: Option<i64>) -> wire::Place {
        wire::Place {
            location: Some(LatLng { latitude, longitude: 0.0 }),
            accuracy_meters: None,
            record_time: seconds.map(|seconds| timestamp(DateTime::from_timestamp(seconds, 0).unwrap())),
        }
    }

    #[test]
    fn s8_latitude_0_is_a_place_and_a_time_to_come_is_now() {
        let now = DateTime::from_timestamp(1000, 0).unwrap();
        for (seconds, wanted) in [(None, 1000), (Some(2000), 1000), (Some(500), 500)] {
            let mut fields = Fields::new();
            let place = place(&mut fields, "place", Some(&sent(0.0, seconds)), now).unwrap();
            assert!(fields.done().is_ok());
            assert_eq!(place.recorded_at.timestamp(), wanted);
        }
    }

    #[test]
    fn s8_a_place_without_a_location_or_with_nonsense_is_refused_by_name() {
        for (place, field) in [
            (wire::Place::default(), "place.location"),
            (sent(90.1, None), "place.location"),
            (wire::Place { accuracy_meters: Some(f64::NAN), ..sent(0.0, None) }, "place.accuracy_meters"),
            (wire::Place { accuracy_meters: Some(-1.0), ..sent(0.0, None) }, "place.accuracy_meters"),
        ] {
            let mut fields = Fields::new();
            super::place(&mut fields, "place", Some(&place), DateTime::UNIX_EPOCH);
            let error = format!("{:?}", fields.done().unwrap_err());
            assert!(error.contains(field), "{error}");
        }
    }
}
