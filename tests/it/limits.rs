//! The limits that the contracts annotate (`buf.validate`), tried against the running services: at each limit, and one
//! past it. The annotations are for clients and documentation; the services check by their own code.

use crewup_proto::{
    call::{Access, CALLS, Call},
    error::ErrorReason,
};
use crewup_tests::{
    Mesh, Persona, Refusal,
    persona::{channel, party},
    raw::{self, unary_calls},
};
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};

/// One value tried at one field: beyond the limit, or at it.
struct Try {
    path: Vec<FieldDescriptor>,
    /// As a refusal names it.
    name: String,
    /// None: the field is left out.
    value: Option<Value>,
    past: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_annotated_limit_holds_and_one_past_it_is_refused_by_name() {
    let mesh = Mesh::start().await;
    let host = mesh.person("host");
    let event = host.create(party(None)).await.unwrap().id;
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let rules = Rules::of(&pool);
    let (mut calls, mut tried, mut wrong) = (0, 0, Vec::new());
    for call in CALLS {
        let service = call.path.split('.').nth(1).unwrap();
        let addr = mesh.addr(service).unwrap();
        let request = request_of(&pool, call.path);
        let mut tries = Vec::new();
        rules.collect(&request, &mut Vec::new(), &mut tries);
        for one in tries {
            // The only id that it takes is the caller's own, who is needed for the other calls.
            if call.path.ends_with("/EraseMe") && !one.past {
                continue;
            }
            // What holds for good is said when it is made.
            if call.path.contains("/Update") && one.value.is_none() && rules.is_immutable(one.path.last().unwrap()) {
                continue;
            }
            let mut message = base(&request, call.path, &event);
            put(&mut message, &one.path, one.value.clone());
            let headers = headers_for(&mesh, call, &host);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let body = message.encode_to_vec();
            let answer = if call.server_stream {
                raw::open(channel(addr, service), call.path, &headers, body).await
            } else {
                raw::call(addr, call.path, &headers, body).await.map(drop)
            };
            let name = &one.name;
            let named = answer.as_ref().err().is_some_and(|status| {
                let refusal = Refusal::of(status);
                let within = |field: &String| field.strip_prefix(name).is_some_and(|rest| rest.starts_with(['[', '.']));
                refusal.fields.iter().any(|field| field == name || within(field))
            });
            if named != one.past {
                let answer = answer.as_ref().map_err(Refusal::of);
                wrong.push(format!("{} {name} = {}: {answer:?}", call.path, short(one.value.as_ref())));
            }
            tried += 1;
        }
        calls += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(calls > 80 && tried > 600, "only {tried} limits of {calls} calls were tried");
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
    put(message, path, Some(value));
}

fn put(message: &mut DynamicMessage, path: &[FieldDescriptor], value: Option<Value>) {
    let (first, rest) = path.split_first().unwrap();
    match value {
        value if !rest.is_empty() => put(message.get_field_mut(first).as_message_mut().unwrap(), rest, value),
        Some(value) => message.set_field(first, value),
        None => message.clear_field(first),
    }
}

/// Where the contracts annotate.
struct Rules {
    field: ExtensionDescriptor,
    oneof: ExtensionDescriptor,
    message: ExtensionDescriptor,
    behavior: ExtensionDescriptor,
}

impl Rules {
    fn of(pool: &DescriptorPool) -> Self {
        let named = |name: &str| pool.get_extension_by_name(name).unwrap();
        Self {
            field: named("buf.validate.field"),
            oneof: named("buf.validate.oneof"),
            message: named("buf.validate.message"),
            behavior: named("google.api.field_behavior"),
        }
    }

    fn is_immutable(&self, field: &FieldDescriptor) -> bool {
        const IMMUTABLE: Value = Value::EnumNumber(5);
        field.options().get_extension(&self.behavior).as_list().is_some_and(|all| all.contains(&IMMUTABLE))
    }

    /// What to try at each annotated field of a message and of the messages in it.
    fn collect(&self, message: &MessageDescriptor, at: &mut Vec<FieldDescriptor>, tries: &mut Vec<Try>) {
        assert!(!message.options().has_extension(&self.message), "nobody tries what {} has", message.full_name());
        for field in message.fields() {
            at.push(field.clone());
            let options = field.options();
            if options.has_extension(&self.field) {
                let rule = options.get_extension(&self.field);
                for (value, past) in values(rule.as_message().unwrap(), &field) {
                    tries.push(Try { path: at.clone(), name: name(at), value, past });
                }
            }
            if let Kind::Message(inner) = field.kind()
                && inner.full_name().starts_with("crewup.")
            {
                let before = tries.len();
                self.collect(&inner, at, tries);
                let is_tried = tries.len() == before || !field.is_list();
                assert!(is_tried, "nobody tries the items of {}", field.full_name());
            }
            at.pop();
        }
        for oneof in message.oneofs() {
            let options = oneof.options();
            if !options.has_extension(&self.oneof) {
                continue;
            }
            let rule = options.get_extension(&self.oneof);
            for (part, value) in rule.as_message().unwrap().fields() {
                assert!(part.name() == "required" && *value == Value::Bool(true), "nobody tries {part:?}");
                let path = at.iter().cloned().chain(oneof.fields().next()).collect();
                // A message that says nothing is refused itself.
                let name = if at.is_empty() { oneof.name().to_owned() } else { name(at) };
                tries.push(Try { path, name, value: None, past: true });
            }
        }
    }
}

fn name(path: &[FieldDescriptor]) -> String {
    path.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join(".")
}

/// Values at and past what the annotation of a field says, with whether they are past. None: the field is left out.
fn values(rule: &DynamicMessage, field: &FieldDescriptor) -> Vec<(Option<Value>, bool)> {
    let (mut values, mut required, mut formed_if_empty) = (Vec::new(), false, false);
    for (part, value) in rule.fields() {
        match (part.name(), value) {
            ("required", Value::Bool(true)) => required = true,
            // IGNORE_IF_ZERO_VALUE: it may be left out, whatever its form.
            ("ignore", Value::EnumNumber(1)) => values.push((None, false)),
            (kind, Value::Message(rule)) => {
                formed_if_empty = kind == "string" && rule.fields().any(|(part, _)| part.name() == "uuid");
                let limits = limits(kind, rule, field);
                values.extend(limits.into_iter().map(|(value, past)| (Some(value), past)));
            }
            other => panic!("{}: nobody tries {other:?}", field.full_name()),
        }
    }
    if required {
        values.push((None, true));
    } else if formed_if_empty && !values.contains(&(None, false)) {
        values.push((Some(Value::String(String::new())), true));
    }
    values
}

/// Values at and past the limits of one kind of value. What is not known here fails: a new annotation is to be tried, too.
fn limits(kind: &str, rule: &DynamicMessage, field: &FieldDescriptor) -> Vec<(Value, bool)> {
    // What must have a form of its own is refused at its longest for that; it says nothing of the limit.
    let formed = ["page_token", "resume_token", "time_zone", "profile_picture_url"].contains(&field.name());
    let text = |length: u64| Value::String("é".repeat(length as usize));
    let mut values = Vec::new();
    for (part, value) in rule.fields() {
        values.extend(match (kind, part.name(), value) {
            ("string", "max_len", Value::U64(most)) if formed => vec![(text(most + 1), true)],
            ("string", "max_len", Value::U64(most)) => vec![(text(*most), false), (text(most + 1), true)],
            ("string", "min_len", Value::U64(least)) => vec![(text(*least), false), (text(least - 1), true)],
            ("string", "uuid", Value::Bool(true)) => {
                vec![(Value::String("not-a-uuid".into()), true), (Value::String(some_id(0)), false)]
            }
            ("int32", "gte", Value::I32(least)) => vec![(Value::I32(*least), false), (Value::I32(least - 1), true)],
            ("int32", "lte", Value::I32(most)) => vec![(Value::I32(*most), false), (Value::I32(most + 1), true)],
            ("int64", "gte", Value::I64(least)) => vec![(Value::I64(*least), false), (Value::I64(least - 1), true)],
            ("double", "gte", Value::F64(least)) => {
                vec![(Value::F64(*least), false), (Value::F64(least - 0.01), true), (Value::F64(f64::NAN), true)]
            }
            ("double", "lte", Value::F64(most)) => vec![(Value::F64(*most), false), (Value::F64(most + 0.01), true)],
            ("enum", "defined_only", Value::Bool(true)) => {
                vec![(Value::EnumNumber(9999), true), (Value::EnumNumber(-1), true), (Value::EnumNumber(1), false)]
            }
            ("enum", "not_in", Value::List(numbers)) => {
                numbers.iter().map(|number| (Value::EnumNumber(number.as_i32().unwrap()), true)).collect()
            }
            ("repeated", "max_items", Value::U64(most)) => {
                vec![(items(*most, field), false), (items(most + 1, field), true)]
            }
            ("repeated", "min_items", Value::U64(least)) => {
                vec![(items(*least, field), false), (items(least - 1, field), true)]
            }
            ("repeated", "items", Value::Message(rule)) => {
                let each = rule.fields().flat_map(|(part, value)| {
                    let rule = value.as_message().unwrap_or_else(|| panic!("nobody tries {part:?} of items"));
                    limits(part.name(), rule, field)
                });
                each.map(|(value, past)| (Value::List(vec![value]), past)).collect()
            }
            other => panic!("{}: nobody tries {other:?}", field.full_name()),
        });
    }
    values
}

/// So many items that are good.
fn items(count: u64, field: &FieldDescriptor) -> Value {
    let known = match field.kind() {
        Kind::Enum(known) => known.values().len() as u64 - 1,
        _ => 1,
    };
    let item = |at: u64| match field.kind() {
        Kind::Enum(_) => Value::EnumNumber(1 + (at % known) as i32),
        _ if field.name().ends_with("_ids") => Value::String(some_id(at)),
        _ => Value::String(format!("item {at}")),
    };
    Value::List((0..count).map(item).collect())
}

fn some_id(at: u64) -> String {
    format!("0190a000-0000-7000-8000-{at:012}")
}

fn short(value: Option<&Value>) -> String {
    format!("{value:?}").chars().take(60).collect()
}
