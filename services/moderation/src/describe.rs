//! Asking the service that owns a thing what the reporter sees of it (M6), before the transaction.

use crewup_proto::{
    crewup::{
        event::internal::v1 as event, group::internal::v1 as group, safety::internal::v1 as safety,
        user::internal::v1 as user,
    },
    moderation::CreateReportRequest,
};
use crewup_shared::{
    auth::Identity,
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::UserId,
    peer::Peers,
};
use uuid::Uuid;

use crate::{
    SERVICE,
    model::{Kind, Object},
};

/// What the owner says of a thing.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// Whose it is. None: nobody's.
    pub(crate) owner: Option<UserId>,
    /// The content as the reporter sees it.
    pub(crate) content: String,
}

/// Makes the call of one service.
macro_rules! describe {
    ($peers:expr, $person:expr, $service:ident, $path:literal, $request:expr) => {{
        if !SERVICE.peers.contains(&stringify!($service)) {
            let why = concat!("the ", stringify!($service), " service is not among the peers");
            return Err(Error::from(ErrorReason::DependencyUnavailable).because(why));
        }
        let answer: $service::DescribeObjectResponse = $peers.call($path, &$request, $person).await?;
        (answer.owner_id, answer.content)
    }};
}

/// Asks the service whose thing it is, on behalf of the reporter. A request that says nothing to ask for is refused by the
/// handler, which reads it first.
pub(crate) async fn ask(peers: &Peers, person: &Identity, req: &CreateReportRequest) -> Result<Described> {
    let mut fields = Fields::new();
    let object = Object::parse(&mut fields, "object", req.object.as_ref());
    fields.done()?;
    let Object { kind, id } = object.ok_or(ErrorReason::InvalidFields)?;
    let id = id.to_string();
    let (owner, content) = match kind {
        Kind::Event => {
            let request = event::DescribeObjectRequest { event_id: id };
            describe!(peers, person, event, "/crewup.event.internal.v1.EventInternalService/DescribeObject", request)
        }
        Kind::User | Kind::Rating => {
            use user::describe_object_request::Object;
            let object = if kind == Kind::User { Object::UserId(id) } else { Object::RatingId(id) };
            let request = user::DescribeObjectRequest { object: Some(object) };
            describe!(peers, person, user, "/crewup.user.internal.v1.UserInternalService/DescribeObject", request)
        }
        Kind::Group | Kind::Message => {
            use group::describe_object_request::Object;
            let object = if kind == Kind::Group { Object::GroupId(id) } else { Object::MessageId(id) };
            let request = group::DescribeObjectRequest { object: Some(object) };
            describe!(peers, person, group, "/crewup.group.internal.v1.GroupInternalService/DescribeObject", request)
        }
        Kind::Alert => {
            let request = safety::DescribeObjectRequest { alert_id: id };
            describe!(peers, person, safety, "/crewup.safety.internal.v1.SafetyInternalService/DescribeObject", request)
        }
    };
    let owner = match owner.as_str() {
        "" => None,
        owner => Some(UserId(Uuid::try_parse(owner).map_err(Error::internal)?)),
    };
    Ok(Described { owner, content })
}
