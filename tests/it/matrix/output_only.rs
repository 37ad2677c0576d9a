//! What a writer can never set: the fields that the contracts say are for output only.

use crewup_proto::call::{CALLS, Retry};
use crewup_tests::{Mesh, Refusal, raw};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, Value};

use super::{
    caller, headers, requests,
    scene::{Cast, Scene},
    short,
};
use crate::limits::request_of;

/// google.api.FieldBehavior.OUTPUT_ONLY
const OUTPUT_ONLY: i32 = 3;

fn is_output_only(pool: &DescriptorPool, field: &FieldDescriptor) -> bool {
    let behavior = pool.get_extension_by_name("google.api.field_behavior").unwrap();
    let options = field.options();
    let values = options.get_extension(&behavior);
    values.as_list().is_some_and(|values| values.iter().any(|value| value.as_enum_number() == Some(OUTPUT_ONLY)))
}

/// A value that nothing has by itself.
fn odd(field: &FieldDescriptor) -> Option<Value> {
    let one = match field.kind() {
        Kind::String => Value::String("0190a000-0000-7000-8000-0000000000ff".into()),
        Kind::Int32 => Value::I32(77),
        Kind::Int64 => Value::I64(77),
        Kind::Bool => Value::Bool(true),
        Kind::Double => Value::F64(4.77),
        Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => {
            let mut time = DynamicMessage::new(message);
            time.set_field_by_name("seconds", Value::I64(1_000_000_077));
            Value::Message(time)
        }
        _ => return None,
    };
    (!field.is_list() && !field.is_map()).then_some(one)
}

/// Whether `value` is somewhere in a message.
fn has(message: &DynamicMessage, name: &str, value: &Value) -> bool {
    message.fields().any(|(field, found)| {
        (field.name() == name && found == value)
            || found
                .as_list()
                .unwrap_or(std::slice::from_ref(found))
                .iter()
                .any(|inner| inner.as_message().is_some_and(|inner| has(inner, name, value)))
    })
}

#[tokio::test]
async fn what_is_for_output_only_no_writer_can_set() {
    let mesh = Mesh::start().await;
    let cast = Cast::assemble(&mesh).await;
    let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
    let (mut tried, mut wrong) = (0, Vec::new());
    for call in CALLS.iter().filter(|call| call.retry != Retry::ReadOnly && !call.server_stream) {
        let (name, request) = (short(call), request_of(&pool, call.path));
        let resources = request.fields().filter_map(|field| match field.kind() {
            Kind::Message(inner) if inner.full_name().starts_with("crewup.") => Some((field, inner)),
            _ => None,
        });
        for (at, inner) in resources {
            for field in inner.fields().filter(|field| is_output_only(&pool, field)) {
                // An edit says so itself.
                if name == "group.UpdateMessage" && field.name() == "is_edited" {
                    continue;
                }
                // By whom the update finds what it is about.
                let Some(value) = odd(&field).filter(|_| !["id", "etag"].contains(&field.name())) else { continue };
                let scene = Scene::set(&mesh, &cast).await;
                let kind = ["host", "member", "crew admin", "moderator"].into_iter().find(|kind| {
                    super::table().get(name.as_str()).is_some_and(|row| {
                        super::KINDS.iter().zip(row).any(|((known, _), answer)| known == kind && *answer == "ok")
                    })
                });
                let Some(kind) = kind else { continue };
                let who = caller(&cast, kind);
                let body = requests::request(&name, &scene, who).await.expect("a request");
                let mut message = DynamicMessage::decode(request.clone(), body.as_slice()).unwrap();
                let mut resource = message.get_field(&at).as_message().unwrap().clone();
                resource.set_field(&field, value.clone());
                message.set_field(&at, Value::Message(resource));
                let headers = headers(&mesh, kind, call, who);
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
                let service = call.path.split('.').nth(1).unwrap();
                let answer = raw::call(mesh.addr(service).unwrap(), call.path, &headers, message.encode_to_vec()).await;
                tried += 1;
                match answer {
                    Ok(answer) => {
                        let service = pool.get_service_by_name(call.path[1..].split_once('/').unwrap().0).unwrap();
                        let method = service.methods().find(|method| call.path.ends_with(method.name())).unwrap();
                        let answer = DynamicMessage::decode(method.output(), answer.into_inner().as_slice()).unwrap();
                        if has(&answer, field.name(), &value) {
                            wrong.push(format!("{name}: {} was set", field.full_name()));
                        }
                    }
                    Err(status) => wrong.push(format!("{name}: {}: {:?}", field.full_name(), Refusal::of(&status))),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried >= 30, "only {tried} were tried");
}
