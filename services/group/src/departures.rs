//! The one way out of a crew: leaving, removal, a withdrawn RSVP, a ban, an erasure and the end of the crew all come through
//! here, so that G6 holds for each of them.

use crewup_shared::{app::Tx, error::Result, id::UserId, outbox::Topic};

use crate::{
    model::{Cause, Crew, Succession},
    store,
};

/// Ends a person's membership of a crew that is held; the last admin hands on, the last member archives (G6). Who is not a
/// member changes nothing.
pub(crate) async fn depart(tx: &mut Tx, crew: &Crew, user: UserId, cause: Cause) -> Result<()> {
    let now = tx.now;
    if !store::members::end(tx.db(), crew.id, user, cause, now).await? {
        return Ok(());
    }
    let heir = store::members::heir(tx.db(), crew.id, user).await?;
    match crew.without(user, heir) {
        Succession::Led => {}
        Succession::PassesTo(heir) => store::members::set_admin(tx.db(), crew.id, heir, true, None, now).await?,
        Succession::Ends => store::crews::archive(tx.db(), crew.id, None, now).await?,
    }
    tx.emit(Topic::CrewMembers, crew.id, None);
    // The person's own streams end (C6).
    tx.touch(user);
    Ok(())
}

/// Ends a crew that is held, with every membership (G10).
pub(crate) async fn archive(tx: &mut Tx, crew: &Crew, by: UserId) -> Result<()> {
    let now = tx.now;
    store::crews::archive(tx.db(), crew.id, Some(by), now).await?;
    tx.emit(Topic::CrewMembers, crew.id, None);
    Ok(())
}
