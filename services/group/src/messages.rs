//! The chat: sending, editing, deleting, reading on and back (C1-C3, C8-C10, C13, C15).

use crewup_proto::group::{self as wire, *};
use crewup_shared::{
    app::{Batch, ReadCx, Tx, WriteCx},
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::{GroupId, MessageId, UserId},
    idempotency::Once,
    mask::Mask,
};
use uuid::Uuid;

use crate::{
    access, figures,
    members::held,
    model::{self, Message, NewMessage, Position, Sender},
    store::{self, crews::Hold},
};

const DEFAULT_PAGE: i32 = 50;
const MOST_PAGE: i32 = 100;

/// What a request to send asks for.
struct Wish {
    request_id: Uuid,
    new: NewMessage,
}

impl Wish {
    fn parse(sender_id: UserId, req: &SendMessageRequest) -> Result<Self> {
        let mut fields = Fields::new();
        let request_id = fields.id("request_id", &req.request_id);
        let group_id = fields.id("group_id", &req.group_id);
        let content = model::content(&mut fields, "content", &req.content);
        fields.done()?;
        Ok(Self { request_id, new: NewMessage { id: MessageId::new(), group_id, sender_id, content } })
    }
}

/// SendMessage (C1-C3, C13, C15, X1).
pub(crate) async fn send(cx: &mut WriteCx, req: &SendMessageRequest) -> Result<SendMessageResponse> {
    let (caller, now) = (cx.caller.id, cx.now());
    let Wish { request_id, new } = Wish::parse(caller, req)?;
    let crew = new.group_id;
    let message = match cx.once(request_id, req, new.id.0).await? {
        Once::First => {
            let Some(sender) = store::messages::look(cx.db(), &[(caller, crew)], now).await?.pop().flatten() else {
                return Err(why_not(cx, crew).await?);
            };
            sender.must_be_free(now)?;
            match store::messages::write(cx.db(), &[&new], now).await?.get(&new.id) {
                Some(sequence) => sent(&mut cx.tx, sender, new, *sequence),
                None => return Err(why_not(cx, crew).await?),
            }
        }
        Once::Replay(made) => {
            access::member(&store::crews::get(cx.db(), caller, crew).await?)?;
            message(cx, MessageId(made)).await?
        }
    };
    Ok(SendMessageResponse { message: Some(message.to_wire()) })
}

/// SendMessage of many at once (ADR 29): those who may send, for the first time, to a crew that nobody holds.
pub(crate) async fn send_together(
    tx: &mut Tx,
    calls: &Batch<SendMessageRequest>,
) -> Result<Vec<Option<SendMessageResponse>>> {
    let now = tx.now;
    let wishes = calls.0.iter().enumerate().filter_map(|(at, call)| {
        let wish = Wish::parse(call.caller.id, &call.request).ok()?;
        Some((at, call, wish))
    });
    let wishes: Vec<_> = wishes.collect();
    let asked: Vec<_> = wishes.iter().map(|(.., wish)| (wish.new.sender_id, wish.new.group_id)).collect();
    let senders = store::messages::look(tx.db(), &asked, now).await?;
    let free = wishes.into_iter().zip(senders).filter_map(|((at, call, wish), sender)| {
        let sender = sender.filter(|sender| sender.is_held && sender.must_be_free(now).is_ok())?;
        Some((at, call, wish, sender))
    });
    let mut free: Vec<_> = free.collect();
    let mut answers: Vec<_> = calls.0.iter().map(|_| None).collect();
    if free.is_empty() {
        return Ok(answers);
    }
    let making: Vec<_> = free.iter().map(|(_, call, wish, _)| (*call, wish.request_id, wish.new.id.0)).collect();
    let first = tx.first_of(&making).await?;
    free.retain(|(.., wish, _)| first.contains(&wish.new.id.0));

    let messages: Vec<_> = free.iter().map(|(.., wish, _)| &wish.new).collect();
    let sequences = store::messages::write(tx.db(), &messages, now).await?;
    for (at, _, wish, sender) in free {
        let sequence =
            sequences.get(&wish.new.id).ok_or_else(|| Error::internal("a crew that is held took no message"))?;
        let message = sent(tx, sender, wish.new, *sequence);
        answers[at] = Some(SendMessageResponse { message: Some(message.to_wire()) });
    }
    Ok(answers)
}

/// Tells of a message that was written, once it is committed.
fn sent(tx: &mut Tx, sender: Sender, new: NewMessage, sequence: i64) -> Message {
    tx.touch(new.group_id);
    tx.count(&figures::SENT, "message");
    let now = tx.now;
    sender.sent(new, sequence, now)
}

/// UpdateMessage (C8). To who is neither the author nor a member the message is not there.
pub(crate) async fn update(cx: &mut WriteCx, req: &UpdateMessageRequest) -> Result<UpdateMessageResponse> {
    let empty = wire::Message::default();
    let new = req.message.as_ref().unwrap_or(&empty);
    let mut fields = Fields::new();
    Mask::parse(&mut fields, req.update_mask.as_ref(), &["content"]);
    let id: MessageId = fields.id("message.id", &new.id);
    let content = model::content(&mut fields, "message.content", &new.content);
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    let crew = message(cx, id).await?.group_id;
    let crew = held(cx, crew).await?;
    // Again, under the crew's lock.
    let old = message(cx, id).await?;
    if old.sender_id != caller {
        return Err(if crew.i_am_member() { ErrorReason::NotOwner } else { ErrorReason::NotFound }.into());
    }
    access::member(&crew)?;
    if old.is_deleted() {
        return Err(ErrorReason::MessageDeleted.into());
    }
    if old.content != content {
        old.must_be_editable(now)?;
        crew.must_be_open()?;
        store::messages::update(cx.db(), &old, &content, now).await?;
    }
    Ok(UpdateMessageResponse { message: Some(message(cx, id).await?.to_wire()) })
}

/// DeleteMessage (C9).
pub(crate) async fn delete(cx: &mut WriteCx, req: &DeleteMessageRequest) -> Result<DeleteMessageResponse> {
    let mut fields = Fields::new();
    let id: MessageId = fields.id("message_id", &req.message_id);
    fields.done()?;

    let (caller, now, moderator) = (cx.caller.id, cx.now(), access::is_moderator(&cx.caller));
    let crew = message(cx, id).await?.group_id;
    let crew = store::crews::held(cx.db(), caller, moderator, crew, Hold::Change).await?;
    cx.tx.touch(crew.id);
    // Again, under the crew's lock.
    let old = message(cx, id).await?;
    let deleter = old.deleter(&crew, &cx.caller, moderator)?;
    if !old.is_deleted() {
        store::messages::delete(cx.db(), &old, caller, deleter, now).await?;
    }
    Ok(DeleteMessageResponse { message: Some(message(cx, id).await?.to_wire()) })
}

/// ListMessages (C2).
pub(crate) async fn list(cx: &mut ReadCx, req: &ListMessagesRequest) -> Result<ListMessagesResponse> {
    let caller = cx.caller.id;
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    let position = Position::parse(&mut fields, req.position.as_ref());
    fields.check("page_size", req.page_size >= 0, "must not be negative");
    let size = if req.page_size == 0 { DEFAULT_PAGE } else { req.page_size.clamp(1, MOST_PAGE) };
    fields.done()?;

    let (size, limit) = (usize::try_from(size).unwrap_or_default(), i64::from(size) + 1);
    let from = position.unwrap_or(Position::END);
    let Some(page) = store::timeline::page(cx.db(), caller, id, from, limit).await? else {
        return Err(access::why_not_member(&store::crews::get(cx.db(), caller, id).await?).into());
    };
    if let Some(position) = position {
        position.must_be_in(page.last_sequence)?;
    }
    let mut rows = page.entries;
    let has_more = rows.len() > size;
    rows.truncate(size);
    rows.sort_by_key(|row| row.sequence);
    let entries = rows.iter().map(|row| row.to_wire(id)).collect::<Result<_>>()?;
    Ok(ListMessagesResponse { entries, has_more, last_sequence: page.last_sequence })
}

/// MarkRead (C10).
pub(crate) async fn mark_read(cx: &mut WriteCx, req: &MarkReadRequest) -> Result<MarkReadResponse> {
    let mut fields = Fields::new();
    let id: GroupId = fields.id("group_id", &req.group_id);
    fields.check("sequence", req.sequence >= 1, "must be 1 or more");
    fields.done()?;

    let (caller, now) = (cx.caller.id, cx.now());
    // Not held: numbers only grow, and nobody else moves the caller's marker.
    let crew = store::crews::get(cx.db(), caller, id).await?;
    access::member(&crew)?;
    let sequence = req.sequence.min(crew.last_sequence);
    let (read_sequence, unread_count) = store::messages::mark_read(cx.db(), id, caller, sequence, now).await?;
    Ok(MarkReadResponse { read_sequence, unread_count })
}

/// Why somebody cannot write in a crew, who is no member of it, or sees no such crew.
async fn why_not(cx: &mut WriteCx, crew: GroupId) -> Result<Error> {
    let caller = cx.caller.id;
    Ok(access::why_not_member(&store::crews::get(cx.db(), caller, crew).await?).into())
}

async fn message(cx: &mut WriteCx, id: MessageId) -> Result<Message> {
    store::messages::get(cx.db(), id).await?.ok_or_else(|| ErrorReason::NotFound.into())
}
