//! An alert as one person sees it.

use chrono::{DateTime, Utc};
use crewup_proto::safety::{self as wire, AlertAction};
use crewup_shared::{
    app::Caller,
    convert::{Place, timestamp},
    error::{ErrorReason, Result},
    id::{AlertId, UserId},
};
use rust_decimal::Decimal;
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    Answer, SentPlace, State,
    names::{kind_to_wire, resolver_to_wire, type_from_name},
};
use crate::access;

/// A row of `crewup.alerts_seen_by`.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    pub(crate) id: AlertId,
    pub(crate) user_id: UserId,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) state: String,
    pub(crate) level: i32,
    pub(crate) next_level_at: Option<DateTime<Utc>>,
    pub(crate) publish_count: i32,
    pub(crate) revision: i64,
    pub(crate) excluded_group_ids: Vec<Uuid>,
    pub(crate) excluded_user_ids: Vec<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    pub(crate) resolved_by: Option<UserId>,
    pub(crate) resolver_first_name: Option<String>,
    pub(crate) resolver_last_name: Option<String>,
    pub(crate) resolved_as: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) alert_type: String,
    pub(crate) message: Option<String>,
    pub(crate) latitude: Option<Decimal>,
    pub(crate) longitude: Option<Decimal>,
    pub(crate) accuracy_meters: Option<f64>,
    pub(crate) recorded_at: Option<DateTime<Utc>>,
    pub(crate) crews: Json<Vec<CrewRow>>,
    pub(crate) recipients: Json<Vec<RecipientRow>>,
    /// Why it reaches the viewer. None: it does not; the viewer is the sender or a moderator.
    pub(crate) my_kind: Option<String>,
    /// The viewer is a recipient and leads one of its crews.
    pub(crate) i_lead: bool,
    pub(crate) my_answer: Option<String>,
}

/// A crew that the alert reaches.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CrewRow {
    id: Uuid,
    group_id: Uuid,
    group_name: String,
    event_id: Option<Uuid>,
    event_name: Option<String>,
    event_address: Option<String>,
    created_at: DateTime<Utc>,
}

/// A person whom the alert reaches now.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RecipientRow {
    user_id: Uuid,
    first_name: String,
    last_name: String,
    kind: String,
    published_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    answer: Option<String>,
    answered_at: Option<DateTime<Utc>>,
}

impl Alert {
    /// S3, S9.
    pub(crate) fn must_be_active(&self) -> Result<()> {
        if self.is_active() { Ok(()) } else { Err(ErrorReason::AlertClosed.into()) }
    }

    /// S9.
    pub(crate) fn is_resolved(&self) -> bool {
        State::parse(&self.state) == Some(State::Resolved)
    }

    /// Whether it still calls for help.
    pub(crate) fn is_active(&self) -> bool {
        State::parse(&self.state) == Some(State::Active)
    }

    /// The viewer's own answer.
    pub(crate) fn my_answer(&self) -> Option<Answer> {
        self.my_answer.as_deref().and_then(Answer::parse)
    }

    /// The sender's last known place.
    pub(crate) fn place(&self) -> Option<SentPlace> {
        Some(SentPlace {
            place: Place::from_columns(self.latitude, self.longitude)?,
            accuracy: self.accuracy_meters,
            recorded_at: self.recorded_at?,
        })
    }

    /// Whether it reaches this person, who is not known to have got it (S13).
    pub(crate) fn is_undelivered(&self, user: UserId) -> bool {
        self.recipients.iter().any(|recipient| recipient.user_id == user.0 && recipient.delivered_at.is_none())
    }

    /// Whether nobody has answered it yet.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.recipients.iter().all(|recipient| recipient.answer.is_none())
    }

    /// In words, without the place (M6).
    pub(crate) fn description(&self) -> String {
        let crews: Vec<_> = self.crews.iter().map(|crew| crew.group_name.as_str()).collect();
        let message = self.message.as_deref().unwrap_or_default();
        format!("type: {}\ncrews: {}\nmessage: {message}", self.alert_type, crews.join(", "))
    }

    fn allowed_actions(&self, viewer: &Caller) -> Vec<i32> {
        let mut actions = Vec::new();
        if self.is_active() {
            if access::own(self, viewer).is_ok() {
                actions.push(AlertAction::Update);
            }
            if access::recipient(self).is_ok() {
                actions.push(AlertAction::Acknowledge);
            }
            if access::resolver(self, viewer).is_ok() {
                actions.push(AlertAction::Resolve);
            }
        }
        actions.into_iter().map(i32::from).collect()
    }

    /// For the wire: what of it the viewer may see.
    pub(crate) fn to_wire(&self, viewer: &Caller) -> wire::Alert {
        let mine = self.user_id == viewer.id;
        // S8: not for a moderator whom it did not reach.
        let sees_place = mine || self.my_kind.is_some();
        // S13.
        let sees_delivery = mine || access::moderates(viewer);
        wire::Alert {
            id: self.id.to_string(),
            sender: Some(person(self.user_id.0, &self.first_name, &self.last_name)),
            r#type: type_from_name(&self.alert_type).into(),
            message: self.message.clone().unwrap_or_default(),
            place: self.place().filter(|_| sees_place).map(|place| wire::Place {
                location: Some(place.place.to_wire()),
                accuracy_meters: place.accuracy,
                record_time: Some(timestamp(place.recorded_at)),
            }),
            state: State::parse(&self.state).map_or(0, |state| state.to_wire().into()),
            crews: self.crews.iter().map(CrewRow::to_wire).collect(),
            escalation_level: self.level,
            next_escalation_time: self.next_level_at.map(timestamp),
            recipients: self.recipients.iter().map(|row| row.to_wire(sees_delivery)).collect(),
            create_time: Some(timestamp(self.created_at)),
            update_time: Some(timestamp(self.updated_at)),
            expire_time: Some(timestamp(self.expires_at)),
            resolution: self.resolution(),
            excluded_group_ids: if mine { strings(&self.excluded_group_ids) } else { Vec::new() },
            excluded_user_ids: if mine { strings(&self.excluded_user_ids) } else { Vec::new() },
            my_acknowledgement: self.my_answer().map_or(0, |answer| answer.to_wire().into()),
            allowed_actions: self.allowed_actions(viewer),
        }
    }

    fn resolution(&self) -> Option<wire::Resolution> {
        let (first_name, last_name) = (self.resolver_first_name.as_deref()?, self.resolver_last_name.as_deref()?);
        Some(wire::Resolution {
            resolver: Some(person(self.resolved_by?.0, first_name, last_name)),
            kind: resolver_to_wire(self.resolved_as.as_deref()?).into(),
            reason: self.reason.clone().unwrap_or_default(),
            resolve_time: self.closed_at.map(timestamp),
        })
    }
}

impl CrewRow {
    fn to_wire(&self) -> wire::AlertCrew {
        wire::AlertCrew {
            id: self.id.to_string(),
            group_id: self.group_id.to_string(),
            group_name: self.group_name.clone(),
            event_id: self.event_id.map(|id| id.to_string()).unwrap_or_default(),
            event_name: self.event_name.clone().unwrap_or_default(),
            event_address: self.event_address.clone().unwrap_or_default(),
            create_time: Some(timestamp(self.created_at)),
        }
    }
}

impl RecipientRow {
    fn to_wire(&self, sees_delivery: bool) -> wire::Recipient {
        let answer = self.answer.as_deref().and_then(Answer::parse);
        wire::Recipient {
            person: Some(person(self.user_id, &self.first_name, &self.last_name)),
            kind: kind_to_wire(&self.kind).into(),
            publish_time: self.published_at.filter(|_| sees_delivery).map(timestamp),
            deliver_time: self.delivered_at.filter(|_| sees_delivery).map(timestamp),
            acknowledgement: answer.map(|answer| wire::Acknowledgement {
                r#type: answer.to_wire().into(),
                create_time: self.answered_at.map(timestamp),
            }),
        }
    }
}

fn person(id: Uuid, first_name: &str, last_name: &str) -> wire::Person {
    wire::Person { user_id: id.to_string(), first_name: first_name.to_owned(), last_name: last_name.to_owned() }
}

fn strings(ids: &[Uuid]) -> Vec<String> {
    ids.iter().map(Uuid::to_string).collect()
}
