//! How often a call asks the database: one round trip for a read; BEGIN, enter, at most three statements and COMMIT for a
//! write. Counted on the wire, where no clock is involved.

use crewup_proto::event::{
    AttendanceStatus, CreateEventRequest, GetEventRequest, ListEventsRequest, SetAttendanceRequest,
};
use crewup_tests::{
    Mesh,
    persona::{party, request_id},
    wire::Wire,
};

use crate::process::Process;

/// A service as a process whose only connection goes by way of a counter.
struct Counted {
    wire: Wire,
    process: Process,
}

impl Counted {
    async fn start(mesh: &Mesh, service: &str) -> Self {
        let wire = Wire::tap(&mesh.db.url_as(service)).await;
        let settings = [("DATABASE_URL", wire.url.as_str()), ("CREWUP_DB_CONNECTIONS", "1"), ("CREWUP_RELAY", "off")];
        let process = Process::start(mesh, service, &settings);
        process.ready().await;
        Self { wire, process }
    }

    /// The fewest round trips of several runs: the first prepare their statements, and now and then the service looks
    /// whether it is ready or a standing is still the same.
    async fn fewest<F: Future<Output = ()>>(&self, call: impl Fn(usize) -> F) -> usize {
        let mut fewest = usize::MAX;
        for run in 0..8 {
            self.wire.trips();
            call(run).await;
            fewest = fewest.min(self.wire.trips());
        }
        fewest
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_is_one_round_trip_and_a_write_begin_enter_at_most_three_statements_and_commit() {
    let mesh = Mesh::start().await;
    let (host, guest, waiter) = (&mesh.person("host"), &mesh.person("guest"), &mesh.person("waiter"));
    let made = host.create(party(Some(2))).await.unwrap().id;
    let events = Counted::start(&mesh, "event").await;
    let addr = events.process.addr;

    let get = events.fewest(|_| async {
        host.events_at(addr).get_event(GetEventRequest { event_id: made.clone() }).await.unwrap();
    });
    assert_eq!(get.await, 1, "GetEvent");
    let list = events.fewest(|_| async {
        host.events_at(addr).list_events(ListEventsRequest::default()).await.unwrap();
    });
    assert_eq!(list.await, 1, "ListEvents");
    let create = events.fewest(|_| async {
        let request = CreateEventRequest { event: Some(party(None)), request_id: request_id() };
        host.events_at(addr).create_event(request).await.unwrap();
    });
    assert_eq!(create.await, 6, "CreateEvent: key, event, answer");

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
        5 + 5,
        "SetAttendance: seats and answer, the same with a promotion; what is told goes with COMMIT"
    );
}
