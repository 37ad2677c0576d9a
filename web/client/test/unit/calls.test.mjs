import assert from "node:assert/strict";
import { test } from "node:test";

import { refusal, event, group, moderation, safety, user } from "../../dist/index.js";
import { uuid } from "../../dist/request-id.js";
import { isRepeatable } from "../../dist/retry.js";
import { Code, CUT, HANG, connect, failure, fakeTime, networkFailure, refused } from "../fake.mjs";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const done = { event: { id: "made" } };

test("the token is asked for before every call, and travels in a header only", async () => {
  let turn = 0;
  const { crewup, calls } = connect({ GetMe: [refused("NOT_FOUND")], GetEvent: [done] }, { token: () => `token-${(turn += 1)}` });
  await assert.rejects(crewup.user.getMe({}), { code: Code.NotFound });
  await crewup.event.getEvent({ eventId: "x" });
  assert.deepEqual(calls.map(({ name, token }) => [name, token]), [["GetMe", "token-1"], ["GetEvent", "token-2"]]);
});

test("without a token no header is sent", async () => {
  const { crewup, calls } = connect({ GetEvent: [done] }, { token: () => undefined });
  await crewup.event.getEvent({ eventId: "x" });
  assert.equal(calls[0].token, undefined);
});

test("what token() throws is not tried again", async () => {
  let asked = 0;
  const token = () => {
    asked += 1;
    throw new Error("signed out");
  };
  const { crewup, calls } = connect({}, { token });
  await assert.rejects(crewup.event.getEvent({}), /signed out/);
  assert.deepEqual([asked, calls.length], [1, 0]);
});

test("a read goes through what passes: no network, a cut, UNAVAILABLE", async () => {
  const { time, waits } = fakeTime();
  const script = { GetEvent: [networkFailure(), [CUT], refused("DEPENDENCY_UNAVAILABLE"), done] };
  const { crewup, calls } = connect(script, { time });
  const answer = await crewup.event.getEvent({ eventId: "x" });
  assert.equal(answer.event.id, "made");
  assert.equal(calls.length, 4);
  // Half of 100, 200, 400.
  assert.deepEqual(waits, [50, 100, 200]);
});

test("four tries are all, and the last error is told", async () => {
  const { time } = fakeTime();
  const script = { GetEvent: [networkFailure(), networkFailure(), networkFailure(), refused("IDENTITY_UNAVAILABLE"), done] };
  const { crewup, calls } = connect(script, { time });
  assert.equal(refusal(await failure(crewup.event.getEvent({}))).reason, "IDENTITY_UNAVAILABLE");
  assert.equal(calls.length, 4);
});

test("OVERLOADED is tried again after the server's delay, the jitter on top", async () => {
  const { time, waits } = fakeTime();
  const { crewup } = connect({ SendMessage: [refused("OVERLOADED", { retryMs: 1500 }), {}] }, { time });
  await crewup.group.sendMessage({ groupId: "x", content: "hi" });
  assert.deepEqual(waits, [1550]);
});

test("of ABORTED, CONFLICT is tried again and STALE_ETAG is not", async () => {
  const { time } = fakeTime();
  const { crewup, calls } = connect({ SetAttendance: [refused("CONFLICT"), {}, refused("STALE_ETAG")] }, { time });
  await crewup.event.setAttendance({ eventId: "x" });
  assert.equal(refusal(await failure(crewup.event.setAttendance({ eventId: "x" }))).reason, "STALE_ETAG");
  assert.equal(calls.length, 3);
});

test("RATE_LIMITED, INTERNAL and a refusal of the request are told at once", async () => {
  for (const reason of ["RATE_LIMITED", "INTERNAL", "DEADLINE_EXCEEDED", "EVENT_FULL", "TOKEN_EXPIRED"]) {
    const { crewup, calls } = connect({ GetEvent: [refused(reason, { retryMs: 1 }), done] });
    assert.equal(refusal(await failure(crewup.event.getEvent({}))).reason, reason);
    assert.equal(calls.length, 1);
  }
});

test("a call that is not safe to repeat is made once", async () => {
  for (const passing of [networkFailure(), refused("OVERLOADED", { retryMs: 1 }), refused("CONFLICT")]) {
    const { crewup, calls } = connect({ UpdateEvent: [passing, done] });
    await assert.rejects(crewup.event.updateEvent({ event: { id: "x" } }));
    assert.equal(calls.length, 1);
  }
});

test("what is safe to repeat is read from the contract: all but the updates under an etag", () => {
  const services = [event.EventService, group.GroupService, user.UserService, safety.SafetyService, moderation.ModerationService];
  const once = services.flatMap(({ methods }) => methods).filter((method) => !isRepeatable(method));
  assert.deepEqual(once.map(({ name }) => name).sort(), ["UpdateEvent", "UpdateGroup", "UpdateMe"]);
});

test("a request id is filled in once and is the same over the retries", async () => {
  const { time } = fakeTime();
  const { crewup, calls } = connect({ CreateEvent: [networkFailure(), refused("OVERLOADED"), done, done] }, { time });
  await crewup.event.createEvent({ event: { name: "x" } });
  const ids = calls.map(({ request }) => request.requestId);
  assert.match(ids[0], UUID);
  assert.deepEqual(ids, [ids[0], ids[0], ids[0]]);
  await crewup.event.createEvent({ event: { name: "x" } });
  assert.notEqual(calls[3].request.requestId, ids[0]);
});

test("the caller's own request id is kept, and the caller's message is not touched", async () => {
  const { crewup, calls } = connect({ CreateEvent: [done, done] });
  await crewup.event.createEvent({ requestId: "mine" });
  assert.equal(calls[0].request.requestId, "mine");
  const { create } = await import("../../dist/index.js");
  const message = create(event.CreateEventRequestSchema, { event: { name: "x" } });
  await crewup.event.createEvent(message);
  assert.match(calls[1].request.requestId, UUID);
  assert.equal(message.requestId, "");
});

test("outside of a secure context an id is made of random bytes", () => {
  const bare = { getRandomValues: (bytes) => bytes.fill(0xff) };
  assert.equal(uuid(bare), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  assert.match(uuid({ getRandomValues: (bytes) => crypto.getRandomValues(bytes) }), UUID);
});

test("a unary call has ten seconds, unless the client or the call says otherwise", async () => {
  const { crewup, calls } = connect({ GetEvent: [done, done, done] });
  await crewup.event.getEvent({});
  await crewup.event.getEvent({}, { timeoutMs: 3000 });
  await crewup.event.getEvent({}, { timeoutMs: 0 });
  const patient = connect({ GetEvent: [done] }, { timeoutMs: 0 });
  await patient.crewup.event.getEvent({});
  assert.deepEqual([...calls, ...patient.calls].map(({ timeout }) => timeout), ["10000m", "3000m", null, null]);
});

test("a stream has no deadline", async () => {
  const { crewup, calls } = connect({ WatchEvents: [[{ change: { case: "live", value: {} } }, undefined]] });
  for await (const _ of crewup.event.watchEvents({}));
  assert.equal(calls[0].timeout, null);
});

test("the deadline covers all tries together, and each is told what is left", async () => {
  const { time } = fakeTime();
  const { crewup, calls } = connect({ GetEvent: [networkFailure(), networkFailure(), HANG] }, { time });
  const error = await failure(crewup.event.getEvent({}, { timeoutMs: 400 }));
  assert.equal(refusal(error).code, Code.DeadlineExceeded);
  assert.deepEqual(calls.map(({ timeout }) => timeout), ["400m", "350m", "250m"]);
  assert.ok(calls[2].signal.aborted);
});

test("a try that would begin after the deadline is not made: the call says why it failed", async () => {
  const { time, waits } = fakeTime();
  const { crewup, calls } = connect({ GetEvent: [refused("OVERLOADED", { retryMs: 10_000 })] }, { time });
  assert.equal(refusal(await failure(crewup.event.getEvent({}))).reason, "OVERLOADED");
  assert.deepEqual([calls.length, waits], [1, []]);
});

test("neither a token that never comes nor a fetch that does not listen holds a call beyond its deadline", async () => {
  const forever = () => new Promise(() => {});
  for (const options of [{ token: forever }, { fetch: forever }]) {
    const { crewup } = connect({}, options);
    assert.equal(refusal(await failure(crewup.event.getEvent({}, { timeoutMs: 20 }))).code, Code.DeadlineExceeded);
  }
});

test("aborting a call reaches its fetch, and ends its retries", async () => {
  const abort = new AbortController();
  const { crewup, calls } = connect({ GetEvent: [() => {
    setImmediate(() => abort.abort());
    return HANG;
  }, done] });
  const error = await failure(crewup.event.getEvent({}, { signal: abort.signal }));
  assert.equal(refusal(error).code, Code.Canceled);
  assert.equal(calls.length, 1);
  assert.ok(calls[0].signal.aborted);
});

test("aborting between two tries ends the call at once", async () => {
  const abort = new AbortController();
  const never = { now: () => 0, random: () => 0.5, after: () => (setImmediate(() => abort.abort()), () => {}) };
  const { crewup, calls } = connect({ GetEvent: [networkFailure(), done] }, { time: never });
  const error = await failure(crewup.event.getEvent({}, { signal: abort.signal }));
  assert.deepEqual([refusal(error).code, calls.length], [Code.Canceled, 1]);
});
