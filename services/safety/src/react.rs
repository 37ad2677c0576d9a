//! What the safety service does when it is told that a crew's members changed (S14) or that a person was erased (U8): it
//! reads the present state and makes it so. Done twice, or late, it does no harm.

use crewup_proto::call::Standing;
use crewup_shared::{
    app::Tx,
    error::Result,
    id::{GroupId, UserId},
    outbox::{Claim, Topic},
};
use futures_util::future::BoxFuture;

use crate::store;

/// The service's reactions.
pub(crate) fn react(tx: &mut Tx, claim: Claim) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        match claim.topic {
            Topic::CrewMembers => crew_members(tx, GroupId(claim.key)).await,
            Topic::UserStanding => user_standing(tx, UserId(claim.key)).await,
            Topic::AttendanceLeft
            | Topic::AttendanceChanged
            | Topic::EventChanged
            | Topic::EventEdited
            | Topic::AlertChanged => Ok(()),
        }
    })
}

/// Publishes the open alerts of a crew to members who are new. Who is no longer one needs nothing: whom an alert reaches is
/// read at each look.
async fn crew_members(tx: &mut Tx, group: GroupId) -> Result<()> {
    let now = tx.now;
    for alert in store::recipients::open_alerts_of(tx.db(), group).await? {
        store::recipients::publish_to_new(tx.db(), alert, now).await?;
        tx.emit(Topic::AlertChanged, alert, None);
    }
    Ok(())
}

async fn user_standing(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.enter_person(user).await?;
    if tx.standing(user) == Some(Standing::Erased) {
        store::places::wipe_of(tx.db(), user).await?;
    }
    Ok(())
}
