//! Requests that nobody would write, from the contracts: every field absent, right, at its limits or nonsense, and then
//! sometimes their bytes damaged.

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};

const TEXTS: [&str; 24] = [
    "",
    " ",
    "jazz",
    "Rooftop",
    "%",
    "_%\\",
    "'; drop table users; --",
    "\"",
    "\u{0}",
    "a\u{0}b",
    "\u{200b}\u{200b}",
    "\u{202e}txt",
    "é\u{301}\u{301}",
    "🦄🦄",
    "\n\r\t",
    "null",
    "{}",
    "-1",
    "1e400",
    "Europe/Zurich",
    "Mars/Olympus",
    "https://pictures.example/a.png",
    "javascript:alert(1)",
    "0190a000-0000-7000-8000-000000000000",
];
const WHOLE: [i64; 12] = [0, 1, -1, 2, 5, 50, 100, 101, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];
const REAL: [f64; 14] = [
    0.0,
    -0.0,
    47.37,
    8.54,
    90.0,
    -90.000_000_1,
    180.0,
    -180.0,
    1e5,
    1e308,
    5e-324,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];
const SECONDS: [i64; 8] =
    [0, -1, -62_135_596_800, -62_135_596_801, 253_402_300_799, 253_402_300_800, i64::MAX, i64::MIN];
const NANOS: [i64; 5] = [0, -1, 999_999_999, 1_000_000_000, i32::MAX as i64];

pub(super) struct Generator<'a> {
    pub(super) random: StdRng,
    /// Of everything that there is.
    pub(super) ids: &'a [String],
    /// Seconds since the Unix epoch.
    pub(super) now: i64,
}

impl Generator<'_> {
    /// The bytes of a request.
    pub(super) fn request(&mut self, descriptor: &MessageDescriptor) -> Vec<u8> {
        let mut bytes = self.message(descriptor, 0).encode_to_vec();
        if self.one_in(8) {
            self.damage(&mut bytes);
        }
        bytes
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.random.random_range(0..many) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        *all.choose(&mut self.random).expect("some")
    }

    fn message(&mut self, descriptor: &MessageDescriptor, depth: u32) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            if depth < 4 && !self.one_in(4) {
                let value = self.field(&field, descriptor, depth);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, owner: &MessageDescriptor, depth: u32) -> Value {
        if !field.is_list() {
            return self.single(field, owner, depth);
        }
        let count = if self.one_in(40) { 150 } else { self.random.random_range(0..4) };
        Value::List((0..count).map(|_| self.single(field, owner, depth)).collect())
    }

    fn single(&mut self, field: &FieldDescriptor, owner: &MessageDescriptor, depth: u32) -> Value {
        let is_time = owner.full_name() == "google.protobuf.Timestamp";
        match field.kind() {
            Kind::String => Value::String(self.text(field, owner)),
            Kind::Bool => Value::Bool(self.one_in(2)),
            Kind::Double => {
                Value::F64(if self.one_in(2) { self.random.random_range(-90.0..90.0) } else { self.of(&REAL) })
            }
            Kind::Enum(values) => Value::EnumNumber(match self.random.random_range(0..8) {
                0 => 9999,
                1 => -1,
                _ => self.of(&values.values().map(|value| value.number()).collect::<Vec<_>>()),
            }),
            Kind::Int64 if is_time => Value::I64(match self.one_in(3) {
                true => self.of(&SECONDS),
                false => self.now + self.random.random_range(-86_400..30 * 86_400),
            }),
            Kind::Int32 if is_time => Value::I32(if self.one_in(3) { self.of(&NANOS) as i32 } else { 0 }),
            Kind::Int32 => {
                Value::I32(if self.one_in(2) { self.random.random_range(0..20) } else { self.of(&WHOLE) as i32 })
            }
            Kind::Int64 => Value::I64(if self.one_in(2) { self.random.random_range(0..20) } else { self.of(&WHOLE) }),
            Kind::Message(inner) => Value::Message(self.message(&inner, depth + 1)),
            other => panic!("the contracts have no {other:?} yet"),
        }
    }

    fn text(&mut self, field: &FieldDescriptor, owner: &MessageDescriptor) -> String {
        if owner.full_name() == "google.protobuf.FieldMask" {
            return self
                .of(&[
                    "name",
                    "description",
                    "content",
                    "bio",
                    "type",
                    "place",
                    "start_time",
                    "role",
                    "id",
                    "x",
                    "a.b",
                    "",
                ])
                .to_owned();
        }
        let name = field.name();
        if name == "request_id" && !self.one_in(4) {
            return uuid::Uuid::from_u128(self.random.random()).to_string();
        }
        if (name == "id" || name.ends_with("_id") || name.ends_with("_ids")) && !self.one_in(4) {
            return self.ids.choose(&mut self.random).expect("some").clone();
        }
        match self.random.random_range(0..10) {
            0 => "é".repeat(self.random.random_range(1..3000)),
            1 => (0..self.random.random_range(1..40)).map(|_| self.random.random::<char>()).collect(),
            2 => self.of(&TEXTS).repeat(self.random.random_range(1..20)),
            3..=5 => "Something that a person might write".to_owned(),
            _ => self.of(&TEXTS).to_owned(),
        }
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..self.random.random_range(1..4) {
            let at = self.random.random_range(0..=bytes.len());
            match self.random.random_range(0..4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.random.random()),
                2 => bytes.extend_from_within(at..),
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.random.random();
                    }
                }
            }
        }
        bytes.truncate(200_000);
    }
}
