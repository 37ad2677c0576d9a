//! Every way to show a token that opens nothing, with the expected answer as data (`defects.txt`). A defect without a row
//! fails, and so does a row without a defect.

use std::collections::BTreeSet;

use crewup_issuer::{Person, defects};
use crewup_proto::call::Call;
use crewup_shared::layer::USER_TOKEN;
use crewup_tests::Mesh;

use super::{
    door::{Attempt, Door},
    is_internal, let_in,
};

const TABLE: &str = include_str!("defects.txt");
const TOKEN: &str = "authorization";
/// Is named for every call between services.
const SERVICE: &str = "moderation";
const GARBAGE: &[u8] = b"Bearer garbage";
const NOT_UTF8: &[u8] = b"Bearer \xff\xfe";

/// The defects, with what people's calls and services' calls answer.
pub(super) fn table() -> Vec<(&'static str, [&'static str; 2])> {
    let rows = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| match row.split_whitespace().collect::<Vec<_>>()[..] {
        [name, people, services] => (name, [people, services]),
        _ => panic!("{row}"),
    })
    .collect()
}

type Headers = Vec<(&'static str, Vec<u8>)>;

/// What is shown instead of what a sound caller shows.
#[derive(Clone)]
struct Defect {
    name: &'static str,
    headers: Headers,
    query: &'static str,
    /// It is the token of the person on whose behalf a sound service calls.
    on_behalf: bool,
    /// By a service that makes a call of people's, or by the edge that makes one of services'.
    by_another: bool,
}

impl Defect {
    fn of(name: &'static str, headers: Headers) -> Self {
        Self { name, headers, query: "", on_behalf: false, by_another: false }
    }

    fn by_another(self) -> Self {
        Self { by_another: true, ..self }
    }

    /// Made by a service, on behalf of who shows this.
    fn on_behalf(mut self, service: &[u8]) -> Self {
        self.headers.iter_mut().filter(|(name, _)| *name == TOKEN).for_each(|(name, _)| *name = USER_TOKEN);
        self.headers.push((TOKEN, service.to_vec()));
        Self { on_behalf: true, ..self }
    }
}

/// The defects of both kinds of calls.
pub(super) struct Shown {
    people: Vec<Defect>,
    services: Vec<Defect>,
}

impl Shown {
    /// By the person `name`, or on that one's behalf. Made for the moment: some tokens are only minutes away from good ones.
    pub(super) fn of(mesh: &Mesh, name: &str) -> Self {
        let issuer = mesh.issuer();
        let bearer = |token: String| format!("Bearer {token}").into_bytes();
        let person = bearer(issuer.token(&Person::named(name)));
        let other = bearer(issuer.token(&Person::named("stranger")));
        let service = bearer(issuer.service_token(SERVICE));
        let broken = |sound: &[u8]| {
            let made = defects::all(issuer, &Person::named(name)).into_iter();
            let mut all: Vec<_> = made
                .map(|made| Defect::of(made.name, made.token.map(|token| (TOKEN, token.into())).into_iter().collect()))
                .collect();
            let text = str::from_utf8(sound).unwrap();
            let query = text.replace("Bearer ", "?access_token=");
            all.push(Defect { query: Box::leak(query.into_boxed_str()), ..Defect::of("in_the_query", Vec::new()) });
            let cookie = text.replace("Bearer ", "access_token=");
            all.push(Defect::of("in_a_cookie", vec![("cookie", cookie.into())]));
            for (name, tokens) in [
                ("not_utf8", vec![NOT_UTF8]),
                ("two_headers", vec![sound, other.as_slice()]),
                ("the_same_header_twice", vec![sound, sound]),
                ("sound_before_garbage", vec![sound, GARBAGE]),
                ("garbage_before_sound", vec![GARBAGE, sound]),
            ] {
                all.push(Defect::of(name, tokens.into_iter().map(|token| (TOKEN, token.to_vec())).collect()));
            }
            all
        };
        let of_people = broken(&person);
        let shows = |name, token: &[u8]| Defect::of(name, vec![(TOKEN, token.to_vec())]);
        let for_person = |mut defect: Defect| {
            defect.headers.push((USER_TOKEN, person.clone()));
            defect
        };

        let services = broken(&service).into_iter().map(for_person);
        let services = services.chain(of_people.iter().map(|defect| defect.clone().on_behalf(&service))).chain([
            for_person(shows("of_a_person", &person).by_another()),
            for_person(shows("person_by_a_services_connection", &person)),
            for_person(shows("service_by_the_edges_connection", &service).by_another()),
            shows("service_on_behalf", &service).on_behalf(&service),
        ]);
        let services = services.collect();
        let people = of_people.into_iter().chain([
            shows("of_a_service", &service),
            shows("service_by_its_own_connection", &service).by_another(),
            shows("person_by_a_services_connection", &person).by_another(),
        ]);
        Self { people: people.collect(), services }
    }

    /// The call with each of the defects: its name, what is sent and the expected answer.
    pub(super) fn at<'a>(
        &'a self,
        call: &'static Call,
        body: &'a [u8],
        door: &'a Door<'_>,
    ) -> impl Iterator<Item = (String, Attempt, &'static str)> {
        let (internal, table) = (is_internal(call), table());
        let all = if internal { &self.services } else { &self.people };
        all.iter().filter_map(move |defect| {
            let workload = if internal == defect.by_another { "edge" } else { SERVICE };
            // It could not even connect; and to the edge no connection is of a service.
            if !internal && workload == SERVICE && (door.is_edge() || !let_in(call).any(|name| name == SERVICE)) {
                return None;
            }
            let (_, answers) = table.iter().find(|(name, _)| *name == defect.name)?;
            let headers = defect.headers.clone();
            let attempt = Attempt { call, query: defect.query, headers, workload, body: body.to_vec() };
            let whose = if defect.on_behalf { " on behalf" } else { "" };
            Some((format!("{}{whose}", defect.name), attempt, door.expected(call, answers[usize::from(internal)])))
        })
    }
}

#[tokio::test]
async fn x4_every_defect_of_a_token_has_a_row_and_every_row_a_defect() {
    let mesh = Mesh::start().await;
    let shown = Shown::of(&mesh, "member");
    for (at, defects) in [&shown.people, &shown.services].into_iter().enumerate() {
        let made: BTreeSet<_> = defects.iter().map(|defect| defect.name).collect();
        let said = table().into_iter().filter(|(_, answers)| answers[at] != "-").map(|(name, _)| name).collect();
        assert_eq!(made, said);
    }
}
