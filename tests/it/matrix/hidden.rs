//! Hidden is as absent (X2): every field of every call that names an object, by callers for whom that object is there and
//! hidden, with the expected answer as data (`hidden.txt`). The same caller then names an id that nothing has, and must be
//! told the same to the byte. A field without a row fails.

use std::{collections::BTreeMap, fmt};

use crewup_proto::call::{Access, Call, Retry};
use crewup_tests::{
    Mesh, Persona, Refusal,
    persona::request_id,
    raw::{self, unary_calls},
};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use tonic::{Response, Status};

use super::{
    caller, requests,
    scene::{Cast, Scene},
    secrets::Secrets,
    short,
};
use crate::limits::{request_of, set};

const TABLE: &str = include_str!("hidden.txt");

/// What a row says: the expected answer, and what is hidden from whom.
struct Row {
    answer: &'static str,
    cases: Vec<(&'static str, &'static str)>,
}

/// The rows by call and field.
fn table() -> BTreeMap<(String, String), Row> {
    let rows = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let mut words = row.split_whitespace();
        let mut next = || words.next().unwrap_or_else(|| panic!("{row}"));
        let (at, answer) = ((next().to_owned(), next().to_owned()), next());
        let cases: Vec<_> = words.map(|case| case.split_once('@').unwrap_or_else(|| panic!("{row}"))).collect();
        assert!(!cases.is_empty(), "{row}");
        (at, Row { answer, cases })
    })
    .collect()
}

/// The fields of a request that name an object: ids, and secrets that stand for one. Of what the server says of an object
/// only its id, which names what an update is of.
fn names(message: &MessageDescriptor, at: &mut Vec<FieldDescriptor>, found: &mut Vec<Vec<FieldDescriptor>>) {
    let update = at.first().is_some_and(|first| first.parent_message().get_field_by_name("update_mask").is_some());
    for field in message.fields().filter(|field| !is_output(field) || (update && field.name() == "id")) {
        at.push(field.clone());
        match field.kind() {
            Kind::String if is_name(field.name()) => found.push(at.clone()),
            Kind::Message(inner) if inner.full_name().starts_with("crewup.") => names(&inner, at, found),
            _ => {}
        }
        at.pop();
    }
}

fn is_name(field: &str) -> bool {
    let ends = ["_id", "_ids"].iter().any(|end| field.ends_with(end));
    ["id", "token"].contains(&field) || (ends && field != "request_id")
}

fn is_output(field: &FieldDescriptor) -> bool {
    let pool = field.parent_message().parent_pool().clone();
    let behavior = pool.get_extension_by_name("google.api.field_behavior").unwrap();
    let options = field.options();
    let said = options.get_extension(&behavior);
    said.as_list().is_some_and(|said| said.contains(&Value::EnumNumber(3)))
}

/// Everything that a client gets, with the sent name taken out.
#[derive(PartialEq)]
struct Answer {
    reason: String,
    message: String,
    bytes: Vec<u8>,
}

impl Answer {
    fn of(answer: &Result<Response<Vec<u8>>, Status>, sent: &str) -> Self {
        let (reason, message, bytes) = match answer {
            Ok(answer) => ("ok".into(), String::new(), answer.get_ref().as_slice()),
            Err(status) => (Refusal::of(status).reason, status.message().replace(sent, "*"), status.details()),
        };
        // Both names have the same length, so nothing else moves.
        let mut bytes = bytes.to_vec();
        while let Some(at) = bytes.windows(sent.len()).position(|part| part == sent.as_bytes()) {
            bytes[at..at + sent.len()].fill(b'*');
        }
        Self { reason, message, bytes }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.reason, self.message, String::from_utf8_lossy(&self.bytes).escape_debug())
    }
}

/// The call by `who`, with `value` as the name.
async fn told(
    mesh: &Mesh,
    (service, call): (&str, &'static Call),
    who: &Persona,
    mut body: DynamicMessage,
    path: &[FieldDescriptor],
    value: &str,
) -> Answer {
    let one = Value::String(value.into());
    let list = path.last().unwrap().is_list();
    set(&mut body, path, if list { Value::List(vec![one]) } else { one });
    if body.get_field_by_name("request_id").is_some() {
        body.set_field_by_name("request_id", Value::String(request_id()));
    }
    let kind = if call.access.contains(&Access::Service) { "service" } else { "" };
    let headers = super::headers(mesh, kind, call, who);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let answer = raw::call(mesh.addr(service).unwrap(), call.path, &headers, body.encode_to_vec()).await;
    let mut answer = Answer::of(&answer, value);
    if call.retry != Retry::ReadOnly && answer.reason == "ok" {
        // It made or changed what is the caller's own; that is new every time.
        answer.bytes.clear();
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_by_every_call_what_is_hidden_is_answered_as_what_is_absent() {
    let mesh = Mesh::start().await;
    let cast = Cast::assemble(&mesh).await;
    let secrets = Secrets::keep(&mesh, &cast).await;
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let mut scene = Scene::set(&mesh, &cast).await;
    let (mut rows, mut tried, mut wrong) = (table(), 0, Vec::new());
    for (service, call) in unary_calls() {
        let request = request_of(&pool, call.path);
        let mut fields = Vec::new();
        names(&request, &mut Vec::new(), &mut fields);
        for path in fields {
            let (name, field) = (short(call), path.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join("."));
            let Some(row) = rows.remove(&(name.clone(), field.clone())) else {
                wrong.push(format!("{name} {field} has no row"));
                continue;
            };
            for (object, kind) in row.cases {
                let who = caller(&cast, &kind.replace("-", " "));
                let body = requests::request(&name, &scene, who).await.expect("a request");
                let body = DynamicMessage::decode(request.clone(), body.as_slice()).unwrap();
                let (hidden, absent) = secrets.named(object);
                let is = told(&mesh, (service, call), who, body.clone(), &path, &hidden).await;
                let would = told(&mesh, (service, call), who, body, &path, &absent).await;
                if is != would || is.reason != row.answer {
                    wrong.push(format!("{name} {field} {object}@{kind}\n  hidden: {is}\n  absent: {would}"));
                }
                tried += 1;
                if call.retry != Retry::ReadOnly && (is.reason == "ok" || would.reason == "ok") {
                    scene = Scene::set(&mesh, &cast).await;
                }
            }
        }
    }
    wrong.extend(rows.keys().map(|(call, field)| format!("{call} {field} is no field that names an object")));
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 100, "only {tried} were tried");
}
