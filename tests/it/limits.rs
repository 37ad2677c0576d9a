//! The limits that the contracts annotate (`buf.validate`), tried against the running services: at each limit, and one
//! past it. The annotations are for clients and documentation; the services check by their own code.

use crewup_proto::{
    call::{Access, Call},
    error::ErrorReason,
};
use crewup_tests::{
    Mesh, Persona, Refusal,
    persona::party,
    raw::{self, unary_calls},
};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage as _,
    Value,
};

/// One value tried at one field: beyond the limit, or at it.
struct Try {
    path: Vec<FieldDescriptor>,
    value: Value,
    past: bool,
}

impl Try {
    fn name(&self) -> String {
        self.path.iter().map(|field| field.name().to_owned()).collect::<Vec<_>>().join(".")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_annotated_limit_holds_and_one_past_it_is_refused_by_name() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let event = host.create(party(None)).await.unwrap().id;
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let rules = pool.get_extension_by_name("buf.validate.field").unwrap();
    let (mut calls, mut tried, mut wrong) = (0, 0, Vec::new());
    for (service, call) in unary_calls() {
        let addr = mesh.addr(service).unwrap();
        let request = request_of(&pool, call.path);
        let mut tries = Vec::new();
        collect(&rules, &request, &mut Vec::new(), &mut tries);
        for one in tries {
            // The only id that it takes is the caller's own, who is needed for the other calls.
            if call.path.ends_with("/EraseMe") && !one.past {
                continue;
            }
            let mut message = base(&request, call.path, &event);
            set(&mut message, &one.path, one.value.clone());
            let headers = headers_for(&mesh, call, &host);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let answer = raw::call(addr, call.path, &headers, message.encode_to_vec()).await;
            let name = one.name();
            let named = answer.as_ref().err().is_some_and(|status| {
                let refusal = Refusal::of(status);
                refusal.fields.iter().any(|field| *field == name || field.starts_with(&format!("{name}[")))
            });
            if named != one.past {
                wrong.push(format!("{} {name} = {}: {answer:?}", call.path, short(&one.value)));
            }
            tried += 1;
        }
        calls += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(calls > 38 && tried > 180, "only {tried} limits of {calls} calls were tried");
}

#[tokio::test]
async fn x14_every_list_refuses_a_token_that_is_not_its_own() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let event = host.create(party(None)).await.unwrap().id;
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let mut lists = 0;
    for (service, call) in unary_calls() {
        let request = request_of(&pool, call.path);
        let Some(field) = request.get_field_by_name("page_token") else { continue };
        for garbage in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let mut message = base(&request, call.path, &event);
            message.set_field(&field, Value::String(garbage.into()));
            let headers = headers_for(&mesh, call, &host);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let status = raw::call(mesh.addr(service).unwrap(), call.path, &headers, message.encode_to_vec()).await;
            let refusal = Refusal::of(&status.expect_err(call.path));
            assert_eq!(refusal.reason, ErrorReason::InvalidPageToken.name(), "{}", call.path);
        }
        lists += 1;
    }
    assert!(lists >= 12, "only {lists} lists");
}

#[test]
fn x1_every_creating_call_takes_a_request_id() {
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let creates = ["Create", "Send", "Trigger", "Appeal"];
    let mut found = 0;
    for service in pool.services().filter(|service| service.full_name().starts_with("crewup.")) {
        for method in service.methods().filter(|method| creates.iter().any(|verb| method.name().starts_with(verb))) {
            let has = method.input().get_field_by_name("request_id").is_some();
            assert!(has || method.name() == "SendTyping", "{}", method.full_name());
            found += 1;
        }
    }
    assert!(found >= 8);
}

/// Tokens that pass the call's door: the host's, a moderator's, or a service's on the host's behalf.
fn headers_for(mesh: &Mesh, call: &Call, host: &Persona) -> Vec<(&'static str, String)> {
    let bearer = |token: &str| format!("Bearer {token}");
    match call.access {
        [Access::Service] => vec![
            ("authorization", bearer(&mesh.issuer().service_token("moderation"))),
            ("x-crewup-user-token", bearer(host.token())),
        ],
        [Access::Moderator] => vec![("authorization", bearer(mesh.person("mod").token()))],
        _ => vec![("authorization", bearer(host.token()))],
    }
}

pub(crate) fn request_of(pool: &DescriptorPool, path: &str) -> MessageDescriptor {
    let (service, method) = path[1..].split_once('/').unwrap();
    let service = pool.get_service_by_name(service).unwrap();
    service.methods().find(|found| found.name() == method).unwrap().input()
}

/// A request in which nothing stands in the way of looking at the one field that is tried.
fn base(request: &MessageDescriptor, path: &str, event: &str) -> DynamicMessage {
    let mut message = DynamicMessage::new(request.clone());
    let mut fill = |path: &[&str], value: Value| {
        let mut fields = Vec::new();
        let mut descriptor = request.clone();
        for name in path {
            let field = descriptor.get_field_by_name(name).unwrap();
            if let Kind::Message(inner) = field.kind() {
                descriptor = inner;
            }
            fields.push(field);
        }
        set(&mut message, &fields, value);
    };
    let id = Value::String(event.to_owned());
    if request.get_field_by_name("event_id").is_some() {
        fill(&["event_id"], id.clone());
    }
    if request.get_field_by_name("user_id").is_some() {
        fill(&["user_id"], id.clone());
    }
    if path.ends_with("/SearchEvents") {
        fill(&["query"], Value::String("jazz".into()));
    }
    let mask = |paths: &[&str]| Value::List(paths.iter().map(|path| Value::String((*path).to_owned())).collect());
    if path.ends_with("/UpdateEvent") {
        let every = ["name", "description", "type", "address", "start_time", "time_zone", "max_attendees"];
        fill(&["event", "id"], id.clone());
        fill(&["update_mask", "paths"], mask(&every));
    }
    if path.ends_with("/UpdateAlert") {
        fill(&["update_mask", "paths"], mask(&["type", "message", "place"]));
    }
    if path.ends_with("/UpdateGroup") {
        fill(&["group", "id"], id.clone());
        fill(&["update_mask", "paths"], mask(&["name", "description", "max_members", "is_private"]));
    }
    if path.ends_with("/UpdateMe") {
        fill(&["update_mask", "paths"], mask(&["bio", "profile_picture_url", "interests"]));
    }
    message
}

pub(crate) fn set(message: &mut DynamicMessage, path: &[FieldDescriptor], value: Value) {
    let (first, rest) = path.split_first().unwrap();
    if rest.is_empty() {
        message.set_field(first, value);
    } else {
        set(message.get_field_mut(first).as_message_mut().unwrap(), rest, value);
    }
}

/// What to try at each annotated field of a message and of the messages in it.
fn collect(
    rules: &ExtensionDescriptor,
    message: &MessageDescriptor,
    at: &mut Vec<FieldDescriptor>,
    tries: &mut Vec<Try>,
) {
    for field in message.fields() {
        at.push(field.clone());
        let options = field.options();
        if options.has_extension(rules) {
            let rule = options.get_extension(rules);
            for (value, past) in values(rule.as_message().unwrap(), &field) {
                tries.push(Try { path: at.clone(), value, past });
            }
        }
        if let Kind::Message(inner) = field.kind()
            && !field.is_list()
            && inner.full_name().starts_with("crewup.")
        {
            collect(rules, &inner, at, tries);
        }
        at.pop();
    }
}

/// Values at and past what a rule says, with whether they are past.
fn values(rule: &DynamicMessage, field: &FieldDescriptor) -> Vec<(Value, bool)> {
    let mut values = Vec::new();
    // What must have a form of its own is refused at its longest for that; it says nothing of the limit.
    let formed = ["page_token", "time_zone", "profile_picture_url"].contains(&field.name());
    if let Some(rule) = part(rule, "string") {
        if let Some(most) = number(&rule, "max_len") {
            if !formed {
                values.push((Value::String("é".repeat(most as usize)), false));
            }
            values.push((Value::String("é".repeat(most as usize + 1)), true));
        }
        if part_is(&rule, "uuid") {
            values.push((Value::String("not-a-uuid".into()), true));
            values.push((Value::String("0190a000-0000-7000-8000-000000000000".into()), false));
        }
    }
    if let Some(rule) = part(rule, "int32") {
        if let Some(least) = number(&rule, "gte") {
            values.push((Value::I32(least as i32), false));
            values.push((Value::I32(least as i32 - 1), true));
        }
        if let Some(most) = number(&rule, "lte") {
            values.push((Value::I32(most as i32), false));
            values.push((Value::I32(most as i32 + 1), true));
        }
    }
    if part(rule, "enum").is_some() {
        values.push((Value::EnumNumber(9999), true));
        values.push((Value::EnumNumber(1), false));
    }
    if let Some(rule) = part(rule, "repeated")
        && let Some(most) = number(&rule, "max_items")
    {
        let item = |at: i64| match field.kind() {
            Kind::Enum(_) => Value::EnumNumber(1 + (at % most) as i32),
            _ if field.name().ends_with("_ids") => Value::String(format!("0190a000-0000-7000-8000-{at:012}")),
            _ => Value::String(format!("item {at}")),
        };
        values.push((Value::List((0..most).map(item).collect()), false));
        values.push((Value::List((0..=most).map(item).collect()), true));
    }
    values
}

fn part(rule: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    rule.has_field_by_name(name).then(|| rule.get_field_by_name(name).unwrap().as_message().cloned())?
}

fn part_is(rule: &DynamicMessage, name: &str) -> bool {
    rule.get_field_by_name(name).is_some_and(|value| value.as_bool() == Some(true))
}

fn number(rule: &DynamicMessage, name: &str) -> Option<i64> {
    let field = rule.descriptor().get_field_by_name(name)?;
    if !rule.has_field(&field) {
        return None;
    }
    match rule.get_field(&field).as_ref() {
        Value::I32(number) => Some((*number).into()),
        Value::U64(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

fn short(value: &Value) -> String {
    format!("{value:?}").chars().take(60).collect()
}
