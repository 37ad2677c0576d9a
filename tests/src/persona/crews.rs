//! What people do with crews.

use crewup_proto::group::*;
use tonic::Status;

use super::{Persona, request_id};

impl Persona {
    /// Makes a crew as `draft` says.
    pub async fn form(&self, draft: Group) -> Result<Group, Status> {
        let request = CreateGroupRequest { group: Some(draft), request_id: request_id() };
        Ok(self.groups().create_group(request).await?.into_inner().group.expect("a crew"))
    }

    /// Reads a crew.
    pub async fn crew(&self, crew: &str) -> Result<Group, Status> {
        let request = GetGroupRequest { group_id: crew.into() };
        Ok(self.groups().get_group(request).await?.into_inner().group.expect("a crew"))
    }

    /// Edits the fields `mask` of a crew.
    pub async fn reform(&self, crew: Group, mask: &[&str]) -> Result<Group, Status> {
        let mask = prost_types::FieldMask { paths: mask.iter().map(|path| (*path).to_owned()).collect() };
        let request = UpdateGroupRequest { group: Some(crew), update_mask: Some(mask) };
        Ok(self.groups().update_group(request).await?.into_inner().group.expect("a crew"))
    }

    /// Archives a crew.
    pub async fn disband(&self, crew: &str) -> Result<Group, Status> {
        let request = DeleteGroupRequest { group_id: crew.into() };
        Ok(self.groups().delete_group(request).await?.into_inner().group.expect("a crew"))
    }

    /// Joins a crew at once.
    pub async fn join(&self, crew: &str) -> Result<Group, Status> {
        let request = JoinGroupRequest { group_id: crew.into(), ..Default::default() };
        Ok(self.groups().join_group(request).await?.into_inner().group.expect("a crew"))
    }

    /// Asks to join a private crew; answers the request's id, empty for who is a member.
    pub async fn ask(&self, crew: &str, note: &str) -> Result<String, Status> {
        let request = JoinGroupRequest { group_id: crew.into(), allow_request: true, note: note.into() };
        let crew = self.groups().join_group(request).await?.into_inner().group.expect("a crew");
        Ok(crew.my_membership.expect("a membership").join_request_id)
    }

    /// Takes a request back.
    pub async fn take_back(&self, request: &str) -> Result<JoinRequest, Status> {
        let request = CancelJoinRequestRequest { join_request_id: request.into() };
        let answer = self.groups().cancel_join_request(request).await?;
        Ok(answer.into_inner().join_request.expect("a request"))
    }

    /// Lets in who asked.
    pub async fn approve(&self, request: &str) -> Result<JoinRequest, Status> {
        let request = ApproveJoinRequestRequest { join_request_id: request.into() };
        let answer = self.groups().approve_join_request(request).await?;
        Ok(answer.into_inner().join_request.expect("a request"))
    }

    /// Says no to who asked.
    pub async fn reject(&self, request: &str) -> Result<JoinRequest, Status> {
        let request = RejectJoinRequestRequest { join_request_id: request.into() };
        let answer = self.groups().reject_join_request(request).await?;
        Ok(answer.into_inner().join_request.expect("a request"))
    }

    /// Leaves a crew.
    pub async fn quit(&self, crew: &str) -> Result<(), Status> {
        self.groups().leave_group(LeaveGroupRequest { group_id: crew.into() }).await.map(drop)
    }

    /// Makes a link into a crew; answers its secret.
    pub async fn crew_link(&self, crew: &str, max_uses: Option<i32>) -> Result<String, Status> {
        let request =
            CreateInvitationRequest { group_id: crew.into(), max_uses, request_id: request_id(), ..Default::default() };
        Ok(self.groups().create_invitation(request).await?.into_inner().token)
    }

    /// Joins by a link.
    pub async fn follow(&self, token: &str) -> Result<Group, Status> {
        let request = AcceptInvitationRequest { token: token.into() };
        Ok(self.groups().accept_invitation(request).await?.into_inner().group.expect("a crew"))
    }

    /// The members, longest-standing first: the first page.
    pub async fn members(&self, crew: &str) -> Result<Vec<Member>, Status> {
        let request = ListMembersRequest { group_id: crew.into(), page_size: 100, ..Default::default() };
        Ok(self.groups().list_members(request).await?.into_inner().members)
    }

    /// Makes a member an admin, or takes it back.
    pub async fn set_role(&self, crew: &str, user: &str, role: MemberRole) -> Result<Member, Status> {
        let member = Member { group_id: crew.into(), user_id: user.into(), role: role.into(), ..Default::default() };
        let mask = prost_types::FieldMask { paths: vec!["role".into()] };
        let request = UpdateMemberRequest { member: Some(member), update_mask: Some(mask) };
        Ok(self.groups().update_member(request).await?.into_inner().member.expect("a member"))
    }

    /// Removes a member, with a crew ban or without.
    pub async fn remove(&self, crew: &str, user: &str, ban: bool) -> Result<(), Status> {
        let request = RemoveMemberRequest { group_id: crew.into(), user_id: user.into(), ban };
        self.groups().remove_member(request).await.map(drop)
    }

    /// Lifts a crew ban.
    pub async fn lift_crew_ban(&self, crew: &str, user: &str) -> Result<(), Status> {
        let request = UnbanMemberRequest { group_id: crew.into(), user_id: user.into() };
        self.groups().unban_member(request).await.map(drop)
    }

    /// Sends a message.
    pub async fn say(&self, crew: &str, content: &str) -> Result<Message, Status> {
        let request = SendMessageRequest { group_id: crew.into(), content: content.into(), request_id: request_id() };
        Ok(self.groups().send_message(request).await?.into_inner().message.expect("a message"))
    }

    /// Gives a message another content.
    pub async fn reword(&self, message: &str, content: &str) -> Result<Message, Status> {
        let message = Message { id: message.into(), content: content.into(), ..Default::default() };
        let mask = prost_types::FieldMask { paths: vec!["content".into()] };
        let request = UpdateMessageRequest { message: Some(message), update_mask: Some(mask) };
        Ok(self.groups().update_message(request).await?.into_inner().message.expect("a message"))
    }

    /// Deletes a message.
    pub async fn retract(&self, message: &str) -> Result<Message, Status> {
        let request = DeleteMessageRequest { message_id: message.into() };
        Ok(self.groups().delete_message(request).await?.into_inner().message.expect("a message"))
    }

    /// Reads the timeline from a position, the newest entries without one.
    pub async fn read(
        &self,
        crew: &str,
        position: Option<list_messages_request::Position>,
        page_size: i32,
    ) -> Result<ListMessagesResponse, Status> {
        let request = ListMessagesRequest { group_id: crew.into(), position, page_size };
        Ok(self.groups().list_messages(request).await?.into_inner())
    }

    /// Moves the own marker.
    pub async fn mark_read(&self, crew: &str, sequence: i64) -> Result<MarkReadResponse, Status> {
        let request = MarkReadRequest { group_id: crew.into(), sequence };
        Ok(self.groups().mark_read(request).await?.into_inner())
    }
}

/// An open crew of `event` for `max_members`.
pub fn crew(event: &str, max_members: i32) -> Group {
    Group { event_id: event.into(), name: "Night owls".into(), max_members: Some(max_members), ..Default::default() }
}

/// A private crew.
pub fn private_crew(event: &str, max_members: i32) -> Group {
    Group { is_private: Some(true), ..crew(event, max_members) }
}
