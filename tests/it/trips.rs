//! How often a call asks the database: one round trip for a read; for a write one to begin and enter, at most three statements,
//! and COMMIT. Counted on the wire, where no clock is involved.

use std::{cell::RefCell, time::Duration};

use crewup_proto::{
    event::{
        Area, AttendanceStatus, CreateEventRequest, Event, GetEventRequest, ListEventsRequest, SearchEventsRequest,
        SetAttendanceRequest,
    },
    google::r#type::LatLng,
    group::{
        GetGroupRequest, JoinGroupRequest, LeaveGroupRequest, ListMessagesRequest, SearchGroupsRequest,
        SendMessageRequest,
    },
    safety::{GetAlertRequest, ResolveAlertRequest, TriggerAlertRequest},
};
use crewup_tests::{
    Mesh,
    persona::{self, party, request_id},
    refusal::reason,
    wire::Wire,
};
use futures_util::future::join_all;

use crate::{
    group::going,
    process::Process,
    safety::{crew, tonight},
    user::ban,
};

/// A service as a process whose only connection goes by way of a counter.
pub(crate) struct Counted {
    wire: Wire,
    pub(crate) process: Process,
}

impl Counted {
    pub(crate) async fn start(mesh: &Mesh, service: &str) -> Self {
        let wire = Wire::tap(&mesh.db.url_as(service)).await;
        let settings = [("DATABASE_URL", wire.url.as_str()), ("CREWUP_DB_CONNECTIONS", "1"), ("CREWUP_RELAY", "off")];
        let process = Process::start(mesh, service, &settings);
        process.ready().await;
        Self { wire, process }
    }

    /// The fewest round trips of several runs: the first prepare their statements, and now and then the service looks
    /// whether it is ready or a standing is still the same.
    async fn fewest<F: Future<Output = ()>>(&self, call: impl Fn(usize) -> F) -> usize {
        self.fewest_after(async |_| (), call).await
    }

    /// As [`Self::fewest`]; what `prepare` does before each run is not counted.
    pub(crate) async fn fewest_after<F: Future<Output = ()>>(
        &self,
        prepare: impl AsyncFn(usize),
        call: impl Fn(usize) -> F,
    ) -> usize {
        let mut fewest = usize::MAX;
        for run in 0..8 {
            prepare(run).await;
            self.wire.trips();
            call(run).await;
            fewest = fewest.min(self.wire.trips());
        }
        fewest
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_one_round_trip_and_a_write_at_most_three_between_begin_with_enter_and_commit() {
    let mesh = Mesh::start().await;
    let (host, guest, waiter) = (&mesh.person("host"), &mesh.person("guest"), &mesh.person("waiter"));
    let made = host.create(party(Some(2))).await.unwrap().id;
    let events = Counted::start(&mesh, "event").await;
    let addr = events.process.addr;

    let get = events.fewest(|_| async {
        host.events_at(addr).get_event(GetEventRequest { event_id: made.clone() }).await.unwrap();
    });
    assert_eq!(get.await, 1, "GetEvent");
    let gets = events.fewest(|_| async {
        let all = (0..32).map(|_| async {
            host.events_at(addr).get_event(GetEventRequest { event_id: made.clone() }).await.unwrap();
        });
        join_all(all).await;
    });
    let trips = gets.await;
    assert!(trips <= 16, "32 times GetEvent at once: {trips}");
    let list = events.fewest(|_| async {
        host.events_at(addr).list_events(ListEventsRequest::default()).await.unwrap();
    });
    assert_eq!(list.await, 1, "ListEvents");
    let create = events.fewest(|_| async {
        let request = CreateEventRequest { event: Some(party(None)), request_id: request_id() };
        host.events_at(addr).create_event(request).await.unwrap();
    });
    assert_eq!(create.await, 5, "CreateEvent: key, event, answer");

    let answer = |person: &crewup_tests::Persona, status: AttendanceStatus| {
        let request = SetAttendanceRequest { event_id: made.clone(), status: status.into() };
        let mut events = person.events_at(addr);
        async move { events.set_attendance(request).await.unwrap() }
    };
    // By turns: even runs take the last seat or wait for it, odd ones leave, tell of it, and promote who waits.
    answer(guest, AttendanceStatus::Going).await;
    let answer = &answer;
    let change = events.fewest(|run| async move {
        let (goes, leaves) = if run % 2 == 0 { (waiter, guest) } else { (guest, waiter) };
        answer(goes, AttendanceStatus::Going).await;
        answer(leaves, AttendanceStatus::NotGoing).await;
    });
    assert_eq!(
        change.await,
        4 + 4,
        "SetAttendance: seats and answer, the same with a promotion; what is told goes with COMMIT"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m3_a_read_that_is_refused_asks_for_the_standing_and_nothing_more() {
    let mesh = Mesh::start().await;
    let banned = &mesh.person("banned");
    ban(&mesh, &banned.id().await).await;
    let events = Counted::start(&mesh, "event").await;
    let addr = events.process.addr;
    // The second one waits for the service's only connection, and for what the first one may have left to do on it.
    let twice = events.fewest(|_| async {
        for _ in 0..2 {
            let refused = banned.events_at(addr).list_events(ListEventsRequest::default()).await;
            assert_eq!(reason(refused), "USER_BANNED");
        }
    });
    assert_eq!(twice.await, 2, "ListEvents, of who is banned: the standing, each time; no ROLLBACK of nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_is_one_round_trip_by_text_by_place_and_by_both() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 1).await;
    let host = &people[0];
    let center = Some(LatLng { latitude: 47.37, longitude: 8.54 });
    host.create(Event { name: "Rooftop".into(), location: center, ..party(None) }).await.unwrap();
    host.form(persona::crew(&event, 3)).await.unwrap();
    let (events, groups) = (Counted::start(&mesh, "event").await, Counted::start(&mesh, "group").await);
    let area = Some(Area { center, radius_meters: 1_000 });
    for (query, area) in [("rooftop", None), ("", area), ("rooftop", area)] {
        let addr = events.process.addr;
        let request = SearchEventsRequest { query: query.into(), area, ..Default::default() };
        let search = events.fewest(|_| async {
            let found = host.events_at(addr).search_events(request.clone()).await.unwrap().into_inner();
            assert_eq!(found.results.len(), 1);
        });
        assert_eq!(search.await, 1, "SearchEvents: {request:?}");
    }
    for event_id in [String::new(), event] {
        let addr = groups.process.addr;
        let request = SearchGroupsRequest { query: persona::crew("", 3).name, event_id, ..Default::default() };
        let search = groups.fewest(|_| async {
            let found = host.groups_at(addr).search_groups(request.clone()).await.unwrap().into_inner();
            assert_eq!(found.groups.len(), 1);
        });
        assert_eq!(search.await, 1, "SearchGroups: {request:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crew_and_its_chat_keep_to_the_same_round_trips() {
    let mesh = Mesh::start().await;
    let (people, event) = going(&mesh, 3).await;
    let (admin, member, other) = (&people[0], &people[1], &people[2]);
    let made = admin.form(persona::crew(&event, 3)).await.unwrap().id;
    other.join(&made).await.unwrap();
    other.say(&made, "Hello").await.unwrap();
    let groups = Counted::start(&mesh, "group").await;
    let addr = groups.process.addr;

    let get = groups.fewest(|_| async {
        admin.groups_at(addr).get_group(GetGroupRequest { group_id: made.clone() }).await.unwrap();
    });
    assert_eq!(get.await, 1, "GetGroup");
    let send = groups.fewest(|_| async {
        let request = SendMessageRequest { group_id: made.clone(), content: "Here".into(), request_id: request_id() };
        admin.groups_at(addr).send_message(request).await.unwrap();
    });
    assert_eq!(send.await, 5, "SendMessage: what is sent and to which crew, key, message");
    let read = groups.fewest(|_| async {
        let request = ListMessagesRequest { group_id: made.clone(), ..Default::default() };
        admin.groups_at(addr).list_messages(request).await.unwrap();
    });
    assert_eq!(read.await, 1, "ListMessages");
    let (made, groups) = (&made, &groups);
    let join = async || {
        let request = JoinGroupRequest { group_id: made.clone(), ..Default::default() };
        member.groups_at(addr).join_group(request).await.unwrap();
    };
    let leave = async || {
        member.groups_at(addr).leave_group(LeaveGroupRequest { group_id: made.clone() }).await.unwrap();
    };
    join().await;
    assert_eq!(groups.fewest_after(async |_| leave().await, |_| join()).await, 5, "JoinGroup");
    assert_eq!(
        groups
            .fewest_after(
                async |run| if run > 0 {
                    join().await
                },
                |_| leave()
            )
            .await,
        5,
        "LeaveGroup"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_to_several_crews_keeps_to_the_same_round_trips() {
    let mesh = Mesh::start().await;
    let people = mesh.crowd(3).await;
    let all: Vec<_> = people.iter().collect();
    let event = tonight(&all).await;
    for name in ["Swimmers", "Early birds"] {
        crew(&event, name, &all).await;
    }
    let (calm, raiser) = (&people[0], &people[1]);
    mesh.settled().await;
    let safety = Counted::start(&mesh, "safety").await;
    let addr = safety.process.addr;
    let raise = async || {
        let request = TriggerAlertRequest { request_id: request_id(), ..Default::default() };
        raiser.safety_at(addr).trigger_alert(request).await.unwrap().into_inner().alert.unwrap().id
    };
    let resolve = async |alert_id: String| {
        let request = ResolveAlertRequest { alert_id, reason: String::new() };
        raiser.safety_at(addr).resolve_alert(request).await.unwrap();
    };
    // While an alert is open, to raise is to raise that one again (S3).
    let fresh = safety.fewest_after(async |_| resolve(raise().await).await, |_| async { drop(raise().await) });
    assert_eq!(fresh.await, 5, "TriggerAlert: key, alert, answer");
    let open = RefCell::new(String::new());
    let resolved = safety.fewest_after(
        async |_| {
            let made = raise().await;
            open.replace(made);
        },
        |_| resolve(open.take()),
    );
    assert_eq!(resolved.await, 5, "ResolveAlert");
    let alert = calm.raise().await.unwrap().id;
    let get = safety.fewest(|_| async {
        calm.safety_at(addr).get_alert(GetAlertRequest { alert_id: alert.clone() }).await.unwrap();
    });
    assert_eq!(get.await, 1, "GetAlert");
}

/// What a service looks at by itself is looked at again and again, and says so nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x11_nothing_that_a_service_does_by_itself_is_refused_by_the_database() {
    let mesh = Mesh::start().await;
    for service in crewup_shared::migrate::SERVICES {
        let wire = Wire::tap(&mesh.db.url_as(service)).await;
        let process = Process::start(&mesh, service, &[("DATABASE_URL", wire.url.as_str())]);
        process.ready().await;
        let mut trips = 0;
        let looking = async {
            // Some ten in a second: all that it does each second it has done.
            while trips < 40 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                trips += wire.trips();
            }
        };
        tokio::time::timeout(Duration::from_secs(60), looking).await.expect("it looks");
        assert_eq!(wire.refused(), Vec::<String>::new(), "{service}");
    }
}
