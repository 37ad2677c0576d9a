//! The stage of the matrix: who there is, and what there is for them to act on. A scene is made anew once a call changed it.

use crewup_proto::{
    event::Event,
    google::r#type::LatLng,
    group::Invitation as CrewInvitation,
    moderation::{BanUserRequest, reported_object::Object},
    safety::{Place, TriggerAlertRequest},
};
use crewup_tests::{
    Mesh, Persona,
    persona::{ban_of, crew, in_hours, party, private_crew, private_party, request_id},
};
use tokio::sync::OnceCell;

/// The people of all scenes.
pub(super) struct Cast {
    pub(super) stranger: Persona,
    /// Blocked by the host and by the victim.
    pub(super) blocked: Persona,
    pub(super) member: Persona,
    pub(super) admin: Persona,
    pub(super) host: Persona,
    pub(super) moderator: Persona,
    pub(super) admin_role: Persona,
    pub(super) deactivated: Persona,
    pub(super) banned: Persona,
    pub(super) erased: Persona,
    /// Another member of the crew, on whom calls act.
    pub(super) friend: Persona,
    /// A person on whom calls act, and who blocked the blocked one.
    pub(super) victim: Persona,
    /// A moderator who bans, so that the others may decide.
    pub(super) judge: Persona,
}

impl Cast {
    fn all(&self) -> [(&'static str, &Persona); 13] {
        [
            ("stranger", &self.stranger),
            ("blocked", &self.blocked),
            ("member", &self.member),
            ("leader", &self.admin),
            ("host", &self.host),
            ("mod", &self.moderator),
            ("admin", &self.admin_role),
            ("deactivated", &self.deactivated),
            ("banned", &self.banned),
            ("erased", &self.erased),
            ("friend", &self.friend),
            ("victim", &self.victim),
            ("judge", &self.judge),
        ]
    }

    /// The names at the issuer.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.all().into_iter().map(|(name, _)| name)
    }

    /// The name of one of them; none of somebody who was called in for one call.
    pub(super) fn name_of(&self, person: &Persona) -> &'static str {
        self.all().into_iter().find(|(_, known)| known.token() == person.token()).map_or("", |(name, _)| name)
    }

    pub(super) async fn assemble(mesh: &Mesh) -> Self {
        let named = |name: &str| mesh.person(name);
        let cast = Self {
            stranger: named("stranger"),
            blocked: named("blocked"),
            member: named("member"),
            admin: named("leader"),
            host: named("host"),
            moderator: named("mod"),
            admin_role: named("admin"),
            deactivated: named("deactivated"),
            banned: named("banned"),
            erased: named("erased"),
            friend: named("friend"),
            victim: named("victim"),
            judge: mesh.person_as(&crewup_issuer::Person::named("judge").with_roles(["moderator"])),
        };
        for person in [
            &cast.stranger,
            &cast.blocked,
            &cast.member,
            &cast.admin,
            &cast.host,
            &cast.moderator,
            &cast.admin_role,
            &cast.friend,
            &cast.victim,
            &cast.judge,
        ] {
            person.id().await;
        }
        let blocked = cast.blocked.id().await;
        cast.host.block(&blocked).await.unwrap();
        cast.victim.block(&blocked).await.unwrap();
        crate::user::deactivate(&cast.deactivated).await;
        let banned = crate::user::enrolled(&cast.banned).await;
        let noted = BanUserRequest { internal_note: "Seen before".into(), ..ban_of(&banned) };
        cast.judge.ban_as(noted).await.unwrap();
        let erased = crate::user::enrolled(&cast.erased).await;
        crate::user::erase(&cast.erased, &erased).await;
        cast
    }
}

/// An event of the host that begins in an hour, to which member, admin and friend are going, and their crew, which the
/// admin leads. Everything else is made when a call needs it.
pub(super) struct Scene<'a> {
    pub(super) mesh: &'a Mesh,
    pub(super) cast: &'a Cast,
    pub(super) event: String,
    pub(super) crew: String,
    private_event: OnceCell<String>,
    private_crew: OnceCell<String>,
    join_request: OnceCell<String>,
    message: OnceCell<String>,
    alert: OnceCell<String>,
    rating: OnceCell<(String, String)>,
    report: OnceCell<String>,
    appeal: OnceCell<(String, String)>,
    banned: OnceCell<String>,
}

impl<'a> Scene<'a> {
    pub(super) async fn set(mesh: &'a Mesh, cast: &'a Cast) -> Self {
        let location = Some(LatLng { latitude: 47.38, longitude: 8.53 });
        let tonight = Event { start_time: Some(in_hours(1)), end_time: Some(in_hours(6)), location, ..party(None) };
        let event = cast.host.create(tonight).await.unwrap().id;
        for person in [&cast.member, &cast.admin, &cast.friend] {
            person.go(&event).await.unwrap();
        }
        let group = cast.admin.form(crew(&event, 10)).await.unwrap().id;
        for person in [&cast.member, &cast.friend] {
            person.join(&group).await.unwrap();
        }
        Self {
            mesh,
            cast,
            event,
            crew: group,
            private_event: OnceCell::new(),
            private_crew: OnceCell::new(),
            join_request: OnceCell::new(),
            message: OnceCell::new(),
            alert: OnceCell::new(),
            rating: OnceCell::new(),
            report: OnceCell::new(),
            appeal: OnceCell::new(),
            banned: OnceCell::new(),
        }
    }

    /// A private event of the host, which member and admin may see.
    pub(super) async fn private_event(&self) -> &str {
        let make = || async {
            let event = self.cast.host.create(private_party(None)).await.unwrap().id;
            let link = self.cast.host.link(&event, None).await.unwrap();
            for person in [&self.cast.member, &self.cast.admin] {
                person.accept(&link).await.unwrap();
            }
            event
        };
        self.private_event.get_or_init(make).await
    }

    /// A private crew of the event, which the admin leads.
    pub(super) async fn private_crew(&self) -> &str {
        let make = || async { self.cast.admin.form(private_crew(&self.event, 10)).await.unwrap().id };
        self.private_crew.get_or_init(make).await
    }

    /// The host's pending request to join it.
    pub(super) async fn join_request(&self) -> &str {
        let group = self.private_crew().await;
        self.join_request.get_or_init(|| async { self.cast.host.ask(group, "").await.unwrap() }).await
    }

    /// A message of the member.
    pub(super) async fn message(&self) -> &str {
        self.message.get_or_init(|| async { self.cast.member.say(&self.crew, "Hello").await.unwrap().id }).await
    }

    /// An alert of the member.
    pub(super) async fn alert(&self) -> &str {
        let make = || async {
            // One open alert per person: the last scene's ends first.
            let last = self.cast.member.raise_as(TriggerAlertRequest::default()).await.unwrap().id;
            self.cast.member.resolve_alert(&last, "").await.unwrap();
            let location = Some(LatLng { latitude: 47.37, longitude: 8.54 });
            let call = TriggerAlertRequest {
                group_ids: vec![self.crew.clone()],
                message: "By the fountain".into(),
                place: Some(Place { location, ..Default::default() }),
                ..Default::default()
            };
            self.cast.member.raise_as(call).await.unwrap().id
        };
        self.alert.get_or_init(make).await
    }

    /// An event that is over and to which host, member and admin went, and the member's rating of the host for it.
    pub(super) async fn rating(&self) -> &(String, String) {
        let make = || async {
            let event = self.over().await;
            let rating = self.cast.member.rate(&self.cast.host.id().await, &event, 4).await.unwrap().id;
            (event, rating)
        };
        self.rating.get_or_init(make).await
    }

    /// An event that is over, to which host, member and admin went.
    pub(super) async fn over(&self) -> String {
        let event = self.cast.host.create(party(None)).await.unwrap().id;
        for person in [&self.cast.member, &self.cast.admin] {
            person.go(&event).await.unwrap();
        }
        let past = "update events set created_at = created_at - interval '30 days',
                        event_start = created_at - interval '2 days', event_end = created_at - interval '1 day'
                    where id = $1::uuid";
        sqlx::query(past).bind(&event).execute(&mut self.mesh.db.connect().await).await.unwrap();
        event
    }

    /// A report of the victim by the friend.
    pub(super) async fn report(&self) -> &str {
        let make = || async {
            let object = Object::UserId(self.nobody("reported").await.id().await);
            self.cast.friend.report(object).await.unwrap().id
        };
        self.report.get_or_init(make).await
    }

    /// A person whom the judge banned and who appeals: the appeal, and the ban.
    pub(super) async fn appeal(&self) -> &(String, String) {
        let make = || async {
            let nobody = self.nobody("appellant").await;
            let noted = BanUserRequest { internal_note: "Seen before".into(), ..ban_of(&nobody.id().await) };
            let ban = self.cast.judge.ban_as(noted).await.unwrap().id;
            (nobody.appeal("It was not me").await.unwrap().id, ban)
        };
        self.appeal.get_or_init(make).await
    }

    /// Somebody whom the judge banned.
    pub(super) async fn banned(&self) -> &str {
        let make = || async {
            let nobody = self.nobody("victim").await.id().await;
            self.cast.judge.ban(&nobody).await.unwrap();
            nobody
        };
        self.banned.get_or_init(make).await
    }

    /// Somebody who was never seen before.
    pub(super) async fn nobody(&self, part: &str) -> Persona {
        let person = self.mesh.person(&format!("{part}-{}", request_id()));
        crate::user::enrolled(&person).await;
        person
    }

    /// A link into the crew: its id and its secret.
    pub(super) async fn crew_link(&self) -> (CrewInvitation, String) {
        let request = crewup_proto::group::CreateInvitationRequest {
            group_id: self.crew.clone(),
            request_id: request_id(),
            ..Default::default()
        };
        let made = self.cast.admin.groups().create_invitation(request).await.unwrap().into_inner();
        (made.invitation.unwrap(), made.token)
    }

    /// Bans the friend from the crew.
    pub(super) async fn ban_friend(&self) {
        self.cast.admin.remove(&self.crew, &self.cast.friend.id().await, true).await.unwrap();
    }
}
