//! Who can sign in.

use aws_lc_rs::digest;
use uuid::{Builder, Uuid};

/// The subject of an account: UUID v5 in the URL namespace of `https://crewup.example/people/<name>`.
///
/// It is a function of the name alone, so that seeds, tests and `psql` (`uuid_generate_v5(uuid_ns_url(), ..)`) know
/// it without asking, and a fresh issuer does not orphan the profiles of the last one. The account of a service is
/// called `service-account-crewup-<service>`.
pub fn subject(name: &str) -> Uuid {
    // By hand because the only other user of the uuid crate's v5 would be this line.
    let mut hashed = Uuid::NAMESPACE_URL.as_bytes().to_vec();
    hashed.extend_from_slice(format!("https://crewup.example/people/{name}").as_bytes());
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &hashed);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}

/// A person and what a token says about them.
///
/// Every name is a person: `Person::named("person-17")` needs no registration. Six have a part in the demo: `host`,
/// `guest`, `friend`, `stranger`, `mod` (realm role `moderator`) and `admin` (realm role `admin`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    name: String,
    pub(crate) sub: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) given_name: Option<String>,
    pub(crate) family_name: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) issued_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
}

impl Person {
    /// The demo persons with a part to play.
    pub const DEMO: [&str; 6] = ["host", "guest", "friend", "stranger", "mod", "admin"];

    /// The person of that name: subject by [`subject`], e-mail `<name>@crewup.example` (verified), given and family
    /// name from the parts of the name (`person-17` is Person 17, `host` is Host Demo).
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        let (given, family) = name.split_once('-').unwrap_or((&name, "demo"));
        Self {
            sub: subject(&name).to_string(),
            email: Some(format!("{name}@crewup.example")),
            email_verified: true,
            given_name: Some(capitalised(given)),
            family_name: Some(capitalised(family)),
            roles: match name.as_str() {
                "mod" => vec!["moderator".into()],
                "admin" => vec!["admin".into()],
                _ => Vec::new(),
            },
            issued_at: None,
            expires_at: None,
            name,
        }
    }

    /// The user name (`preferred_username`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The subject (`sub`).
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// The e-mail address, if the token tells one.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Another subject: the same person after being deleted and created again at the identity provider.
    pub fn with_sub(mut self, sub: impl Into<String>) -> Self {
        self.sub = sub.into();
        self
    }

    /// Another e-mail address; whether it is verified stays as it was.
    pub fn with_email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// An account without an e-mail address. Keycloak still says `email_verified: false`.
    pub fn without_email(mut self) -> Self {
        self.email = None;
        self.email_verified = false;
        self
    }

    /// Whether the identity provider has seen the address answer.
    pub fn with_email_verified(mut self, verified: bool) -> Self {
        self.email_verified = verified;
        self
    }

    /// Another given name; the empty string is told as such.
    pub fn with_given_name(mut self, name: impl Into<String>) -> Self {
        self.given_name = Some(name.into());
        self
    }

    /// Another family name; the empty string is told as such.
    pub fn with_family_name(mut self, name: impl Into<String>) -> Self {
        self.family_name = Some(name.into());
        self
    }

    /// An account without names: neither `name`, `given_name` nor `family_name` is in the token.
    pub fn without_name(mut self) -> Self {
        self.given_name = None;
        self.family_name = None;
        self
    }

    /// The realm roles, instead of those that the name brings. Keycloak's default roles are always added.
    pub fn with_roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// When tokens of this person say that they were issued (`iat`), in seconds since 1970. The end of their
    /// validity moves along unless it is set too.
    pub fn with_issued_at(mut self, seconds: i64) -> Self {
        self.issued_at = Some(seconds);
        self
    }

    /// When tokens of this person end (`exp`), in seconds since 1970.
    pub fn with_expires_at(mut self, seconds: i64) -> Self {
        self.expires_at = Some(seconds);
        self
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
