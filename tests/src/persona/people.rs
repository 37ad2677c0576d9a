//! What people do with people.

use crewup_proto::user::*;
use tonic::Status;

use super::{Persona, request_id};

impl Persona {
    /// Reads the own profile.
    pub async fn me(&self) -> Result<Profile, Status> {
        Ok(self.users().get_me(GetMeRequest {}).await?.into_inner().profile.expect("a profile"))
    }

    /// Edits the fields `mask` of the own profile.
    pub async fn edit(&self, profile: Profile, mask: &[&str]) -> Result<Profile, Status> {
        let mask = prost_types::FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() };
        let request = UpdateMeRequest { profile: Some(profile), update_mask: Some(mask) };
        Ok(self.users().update_me(request).await?.into_inner().profile.expect("a profile"))
    }

    /// Reads another's profile.
    pub async fn see(&self, user: &str) -> Result<User, Status> {
        let request = GetUserRequest { user_id: user.into() };
        Ok(self.users().get_user(request).await?.into_inner().user.expect("a person"))
    }

    /// Blocks a person.
    pub async fn block(&self, user: &str) -> Result<(), Status> {
        self.users().block_user(BlockUserRequest { user_id: user.into() }).await.map(drop)
    }

    /// Rates a person for an event.
    pub async fn rate(&self, user: &str, event: &str, stars: i32) -> Result<Rating, Status> {
        let request = CreateRatingRequest {
            rated_user_id: user.into(),
            event_id: event.into(),
            rating: stars,
            comment: String::new(),
            request_id: request_id(),
        };
        Ok(self.users().create_rating(request).await?.into_inner().rating.expect("a rating"))
    }
}
