//! Which fields each kind of viewer is sent, as data (`fields.txt`), gathered while the matrix is run; that nobody is sent
//! what is of nobody but somebody else: an e-mail address, the subject of an account; and that a refusal says nothing of
//! anybody, nor again what it was asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use crewup_issuer::Person;
use crewup_proto::call::Call;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, ReflectMessage as _, Value};
use tonic::Status;
use uuid::Uuid;

const TABLE: &str = include_str!("fields.txt");
const HEAD: &str = "# Which kinds of viewer are sent which field of which message, by any call, of the scene of the matrix.\n\
     # Renewed by `CREWUP_UPDATE=1 cargo test -p crewup-tests --test it -- matrix::m1`; what changes is to be read as a change of rights.\n";

/// What was sent to whom.
pub(super) struct Seen {
    pool: DescriptorPool,
    fields: BTreeMap<String, BTreeSet<&'static str>>,
    leaks: Vec<String>,
    /// Name, e-mail address and subject of everybody.
    people: Vec<(&'static str, String, String)>,
}

impl Seen {
    /// Of the people with these names.
    pub(super) fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let people = names
            .into_iter()
            .map(|name| (name, format!("{name}@crewup.example"), Person::named(name).sub().to_owned()));
        let pool = DescriptorPool::decode(crewup_proto::DESCRIPTORS).unwrap();
        Self { pool, fields: BTreeMap::new(), leaks: Vec::new(), people: people.collect() }
    }

    /// Notes an answer to `call`, sent to the person `name`, who is a caller of that kind.
    pub(super) fn note(&mut self, call: &Call, kind: &'static str, name: &str, answer: &[u8]) {
        let message = DynamicMessage::decode(self.method(call).output(), answer).expect("what the contract says");
        self.walk(kind, &message);
        let text = String::from_utf8_lossy(answer);
        for (whose, email, subject) in &self.people {
            // One's own address is one's own; the subject is the issuer's, and nobody's but in what the system holds on one (U7).
            let subject_is_own = *whose == name && call.path.ends_with("/ExportMe");
            if (text.contains(email) && *whose != name) || (text.contains(subject.as_str()) && !subject_is_own) {
                self.leaks.push(format!("{} tells {name} ({kind}) of {whose}: {message:?}", call.path));
            }
        }
    }

    /// Notes a refusal of `request` by `call`, told to a caller of that kind (X2).
    pub(super) fn refused(&mut self, call: &Call, kind: &'static str, request: &[u8], status: &Status) {
        let asked = DynamicMessage::decode(self.method(call).input(), request).expect("what the contract says");
        let told = format!("{} {}", status.message(), String::from_utf8_lossy(status.details()));
        let mut secrets = vec!["eyJ".to_owned(), "@crewup.example".to_owned()];
        secrets.extend(self.people.iter().map(|(_, _, subject)| subject.clone()));
        texts(&asked, &mut secrets);
        if let Some(secret) = secrets.iter().find(|secret| told.contains(secret.as_str())) {
            self.leaks.push(format!("{} tells {kind}, whom it refuses, of {secret}: {told}", call.path));
        }
    }

    fn method(&self, call: &Call) -> MethodDescriptor {
        let (service, method) = call.path[1..].split_once('/').unwrap();
        let service = self.pool.get_service_by_name(service).unwrap();
        service.methods().find(|found| found.name() == method).unwrap()
    }

    fn walk(&mut self, kind: &'static str, message: &DynamicMessage) {
        let name = message.descriptor().full_name().trim_start_matches("crewup.").replace(".v1.", ".");
        // What the answer of a call is made of is in its messages.
        let is_answer = name.ends_with("Response");
        for (field, value) in message.fields() {
            if !is_answer && !name.starts_with("google.") {
                self.fields.entry(format!("{name}.{}", field.name())).or_default().insert(kind);
            }
            for value in value.as_list().unwrap_or(std::slice::from_ref(value)) {
                if let Value::Message(inner) = value {
                    self.walk(kind, inner);
                }
            }
        }
    }

    /// Fails where somebody was sent what is another's.
    pub(super) fn must_not_leak(&self) {
        assert!(self.leaks.is_empty(), "{} leaks, the first: {}", self.leaks.len(), self.leaks[0]);
    }

    /// Fails where somebody was sent another field than the table says.
    pub(super) fn judge(self, kinds: impl Iterator<Item = &'static str> + Clone) {
        let mut text = HEAD.to_owned();
        for (field, seen) in &self.fields {
            let seen: Vec<_> =
                kinds.clone().filter(|kind| seen.contains(kind)).map(|kind| kind.replace(' ', "-")).collect();
            writeln!(text, "{field}: {}", seen.join(" ")).unwrap();
        }
        if std::env::var_os("CREWUP_UPDATE").is_some() {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("it/matrix/fields.txt"), &text).unwrap();
            return;
        }
        let (said, found): (BTreeSet<_>, BTreeSet<_>) = (TABLE.lines().collect(), text.lines().collect());
        let wrong: Vec<_> = found.symmetric_difference(&said).collect();
        assert!(wrong.is_empty(), "another than fields.txt says:\n{wrong:#?}");
    }
}

/// The texts of a message that no contract has: neither ids nor short words.
fn texts(message: &DynamicMessage, found: &mut Vec<String>) {
    for (_, value) in message.fields() {
        for value in value.as_list().unwrap_or(std::slice::from_ref(value)) {
            match value {
                Value::Message(inner) => texts(inner, found),
                Value::String(text) if text.len() >= 8 && Uuid::try_parse(text).is_err() => found.push(text.clone()),
                _ => {}
            }
        }
    }
}
