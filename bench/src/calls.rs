//! The calls that are measured.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use crewup_proto::{common::TimeWindow, event::GetEventRequest};
use crewup_proto::{
    event::{Area, AttendanceStatus, EventFilter, ListEventsRequest, SearchEventsRequest, SetAttendanceRequest},
    google::r#type::LatLng,
    group::{JoinGroupRequest, ListMessagesRequest, SendMessageRequest},
    safety::TriggerAlertRequest,
};
use rand::RngExt as _;
use uuid::Uuid;

use crate::{
    Failure,
    load::Call,
    world::{self, Kind, TOWN, id},
};

/// A call, and which variable of pgbench each id in it is; the caller's first.
pub type Drawn = (Call, Vec<(Uuid, &'static str)>);

/// A call, and how pgbench draws the same.
pub struct Case {
    pub name: &'static str,
    /// Whose call it is.
    pub service: &'static str,
    make: fn(u64) -> Drawn,
    /// What pgbench draws before the statements: its variables are named in what `make` answers.
    pub draw: &'static str,
    /// None: for ever.
    pub most: Option<u64>,
    drawn: Rc<Cell<u64>>,
}

impl Case {
    fn new(name: &'static str, service: &'static str, draw: &'static str, make: fn(u64) -> Drawn) -> Self {
        Self { name, service, make, draw, most: None, drawn: Rc::default() }
    }

    /// For calls that one person can make once.
    fn at_most(self, most: u64) -> Self {
        Self { most: Some(most), ..self }
    }

    /// The next call.
    pub fn draw_one(&self) -> Option<Drawn> {
        let at = self.drawn.get();
        if self.most.is_some_and(|most| at >= most) {
            return None;
        }
        self.drawn.set(at + 1);
        Some((self.make)(at))
    }

    /// The next calls, one by one.
    pub fn calls(self: &Rc<Self>) -> Rc<dyn Fn() -> Option<Call>> {
        let case = Rc::clone(self);
        Rc::new(move || Some(case.draw_one()?.0))
    }

    /// How many were drawn so far.
    pub fn drawn(&self) -> u64 {
        self.drawn.get()
    }

    /// Leaves out what somebody else draws.
    pub fn skip(&self, count: u64) {
        self.drawn.set(self.drawn.get() + count);
    }
}

/// What pgbench draws where only who calls differs.
const REGULAR: &str = "\\set caller random(1, 2048)\n";

/// The one that is called so.
pub fn named(name: &str) -> Result<Rc<Case>, Failure> {
    all().into_iter().find(|case| case.name == name).ok_or_else(|| format!("no {name}").into())
}

/// All of them.
pub fn all() -> Vec<Rc<Case>> {
    const MEMBER: &str = "\\set k random(1, 204) + 1638 * random(0, 5)\n\\set crew 10 * :k\n\\set caller (:k % 1638) * 10 + random(1, 10)\n";
    let cases = [
        Case::new("GetEvent", "event", "\\set caller random(1, 2048)\n\\set event 8 * random(1, 125000)\n", |_| get_event()),
        Case::new("ListEvents (50)", "event", REGULAR, |_| list_events()),
        Case::new("SearchEvents text", "event", REGULAR, |_| search(Some(words()), None)),
        Case::new("SearchEvents place", "event", REGULAR, |_| search(None, Some(in_town()))),
        Case::new("SearchEvents both", "event", REGULAR, |_| search(Some(words()), Some(in_town()))),
        Case::new(
            "SetAttendance",
            "event",
            "\\set caller random(1, 2048)\n\\set event 850000 + 8 * random(1, 18750)\n",
            |_| set_attendance(),
        ),
        Case::new(
            "JoinGroup",
            "group",
            "\\set i :i + 1\n\\set n :start + :i * 16 + :client_id\n\\set k 1639 + (:n / 10) % 8362\n\\set crew 10 * :k\n\
             \\set caller ((:k + 1) % 1638) * 10 + (:n % 10) + 1\n",
            join_group,
        )
        .at_most(83_620),
        Case::new("SendMessage", "group", MEMBER, |_| send_message()),
        Case::new("ListMessages (50)", "group", MEMBER, |_| list_messages()),
        Case::new(
            "TriggerAlert",
            "safety",
            "\\set i :i + 1\n\\set n :start + :i * 16 + :client_id\n\
             \\set caller ((1 + (:n / 10) % 1638) % 1638) * 10 + (:n % 10) + 1\n",
            trigger_alert,
        )
        .at_most(16_380),
    ];
    cases.into_iter().map(Rc::new).collect()
}

const CALLER: &str = "bench.id(1, :caller)";
const EVENT: &str = "bench.id(2, :event)";
const CREW: &str = "bench.id(3, :crew)";

fn encoded(path: &'static str, caller: u64, request: &impl prost::Message) -> Call {
    Call { path, caller, request: Bytes::from(request.encode_to_vec()) }
}

fn get_event() -> Drawn {
    let dice = &mut rand::rng();
    let (caller, event) = (world::regular(dice), id(Kind::Event, world::event(dice)));
    let request = GetEventRequest { event_id: event.to_string() };
    let call = encoded("/crewup.event.v1.EventService/GetEvent", caller, &request);
    (call, vec![(id(Kind::Person, caller), CALLER), (event, EVENT)])
}

fn list_events() -> Drawn {
    let dice = &mut rand::rng();
    let caller = world::regular(dice);
    let from = SystemTime::now() + Duration::from_secs(60 * dice.random_range(0..50 * 24 * 60));
    let window = TimeWindow { start_time: Some(from.into()), end_time: None };
    let filter = EventFilter { window: Some(window), ..Default::default() };
    let request = ListEventsRequest { filter: Some(filter), page_size: 50, ..Default::default() };
    let call = encoded("/crewup.event.v1.EventService/ListEvents", caller, &request);
    (call, vec![(id(Kind::Person, caller), CALLER)])
}

/// What people look for.
fn words() -> &'static str {
    const QUERIES: [&str; 8] = [
        "vinyl rave",
        "jazz kaufleuten",
        "fondue",
        "matinee moods",
        "salsa night exil",
        "karaoke",
        "techno hive",
        "brunch cafe",
    ];
    QUERIES[rand::rng().random_range(0..QUERIES.len())]
}

/// Around one place, the middle of the dense town.
pub fn in_the_middle() -> Case {
    let middle = |_| search(None, Some(LatLng { latitude: TOWN.0, longitude: TOWN.1 }));
    Case::new("SearchEvents in the middle", "event", REGULAR, middle)
}

fn search(query: Option<&str>, center: Option<LatLng>) -> Drawn {
    let dice = &mut rand::rng();
    let caller = world::regular(dice);
    let request = SearchEventsRequest {
        query: query.unwrap_or_default().into(),
        area: center.map(|center| Area { center: Some(center), radius_meters: 5_000 }),
        page_size: 50,
        ..Default::default()
    };
    let call = encoded("/crewup.event.v1.EventService/SearchEvents", caller, &request);
    (call, vec![(id(Kind::Person, caller), CALLER)])
}

/// Somewhere in the dense town.
pub fn in_town() -> LatLng {
    let dice = &mut rand::rng();
    LatLng { latitude: TOWN.0 + dice.random_range(-0.08..0.08), longitude: TOWN.1 + dice.random_range(-0.12..0.12) }
}

fn set_attendance() -> Drawn {
    let dice = &mut rand::rng();
    let (caller, event) = (world::regular(dice), world::coming(dice));
    let call = going(caller, event);
    (call, vec![(id(Kind::Person, caller), CALLER), (id(Kind::Event, event), EVENT)])
}

/// The caller goes to an event.
pub fn going(caller: u64, event: u64) -> Call {
    let request =
        SetAttendanceRequest { event_id: id(Kind::Event, event).to_string(), status: AttendanceStatus::Going.into() };
    encoded("/crewup.event.v1.EventService/SetAttendance", caller, &request)
}

fn join_group(at: u64) -> Drawn {
    let (caller, crew) = world::joining(at);
    let (person, crew) = (id(Kind::Person, caller), id(Kind::Crew, crew));
    let request = JoinGroupRequest { group_id: crew.to_string(), ..Default::default() };
    (encoded("/crewup.group.v1.GroupService/JoinGroup", caller, &request), vec![(person, CALLER), (crew, CREW)])
}

fn send_message() -> Drawn {
    let (caller, crew) = world::member(&mut rand::rng());
    let (person, crew) = (id(Kind::Person, caller), id(Kind::Crew, crew));
    let request = SendMessageRequest {
        group_id: crew.to_string(),
        content: "Half past eight at the entrance, by the big door.".into(),
        request_id: Uuid::new_v4().to_string(),
    };
    (encoded("/crewup.group.v1.GroupService/SendMessage", caller, &request), vec![(person, CALLER), (crew, CREW)])
}

fn list_messages() -> Drawn {
    let (caller, crew) = world::member(&mut rand::rng());
    let (person, crew) = (id(Kind::Person, caller), id(Kind::Crew, crew));
    let request = ListMessagesRequest { group_id: crew.to_string(), page_size: 50, ..Default::default() };
    (encoded("/crewup.group.v1.GroupService/ListMessages", caller, &request), vec![(person, CALLER), (crew, CREW)])
}

fn trigger_alert(at: u64) -> Drawn {
    let caller = world::in_need(at);
    let request = TriggerAlertRequest {
        request_id: Uuid::new_v4().to_string(),
        message: "Please come to the main entrance".into(),
        ..Default::default()
    };
    (
        encoded("/crewup.safety.v1.SafetyService/TriggerAlert", caller, &request),
        vec![(id(Kind::Person, caller), CALLER)],
    )
}
