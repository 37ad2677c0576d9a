import assert from "node:assert/strict";
import { test } from "node:test";

import { liveAlerts, liveEvents, refusal, safety } from "../../dist/index.js";
import { CUT, HANG, connect, failure, fakeTime, first, refused } from "../fake.mjs";

const change = (kind, value = {}) => ({ change: { case: kind, value } });
const opened = change("opened");
const live = change("live");
const beat = change("heartbeat");
const event = (id, revision) => change("event", { event: { id }, revision: BigInt(revision) });
const goneEvent = (id) => change("removedEventId", id);
const alert = (id, revision, state = safety.AlertState.ACTIVE, publishCount = 1) =>
  change("alert", { alert: { id, state }, revision: BigInt(revision), publishCount });

const short = ({ kind, id, state }) => (kind === "changed" ? `${id}@${state.revision}` : kind === "removed" ? `-${id}` : kind);
const events = (streams, clock = fakeTime()) => {
  const { crewup, calls } = connect({ WatchEvents: streams });
  return { stream: liveEvents(crewup, { time: clock.time }), calls, clock };
};
const alerts = (streams, clock = fakeTime()) => {
  const { crewup, calls } = connect({ WatchAlerts: streams });
  return { stream: liveAlerts(crewup, { time: clock.time }), calls, clock };
};
const seen = async (count, { stream }) => (await first(count, stream)).map(short);

test("states, the marker, changes and removals come as they are sent; what is old is dropped", async () => {
  const script = [[opened, event("a", 1), event("b", 4), live, beat, event("a", 2), event("a", 2), event("a", 1), event("b", 3), goneEvent("b"), goneEvent("c"), event("b", 1), HANG]];
  assert.deepEqual(await seen(6, events(script)), ["a@1", "b@4", "live", "a@2", "-b", "b@1"]);
});

test("after a cut only what is newer comes again, and what is missing before the marker is removed", async () => {
  const script = [
    [opened, event("a", 1), event("b", 1), event("c", 1), live, CUT],
    [opened, event("a", 1), event("c", 2), event("d", 1), live, event("a", 2), HANG],
  ];
  assert.deepEqual(await seen(9, events(script)), ["a@1", "b@1", "c@1", "live", "c@2", "d@1", "-b", "live", "a@2"]);
});

test("a stream that is cut before its marker removes nothing", async () => {
  const script = [
    [opened, event("a", 1), event("b", 1), live, CUT],
    [opened, event("a", 1), CUT],
    [opened, event("b", 1), event("a", 1), live, HANG],
  ];
  assert.deepEqual(await seen(4, events(script)), ["a@1", "b@1", "live", "live"]);
});

test("an alert's last state is its end: it is not removed besides", async () => {
  const { RESOLVED, EXPIRED } = safety.AlertState;
  const script = [
    [opened, alert("a", 1), alert("b", 1), alert("c", 1), live, alert("a", 2, RESOLVED), alert("b", 2, EXPIRED), CUT],
    [opened, live, HANG],
  ];
  assert.deepEqual(await seen(8, alerts(script)), ["a@1", "b@1", "c@1", "live", "a@2", "b@2", "-c", "live"]);
});

test("how often an alert was published comes with it, for a client to ring", async () => {
  const given = await first(3, alerts([[opened, alert("a", 1), live, alert("a", 2, undefined, 2), HANG]]).stream);
  assert.deepEqual(given.map(({ state }) => state?.publishCount), [1, undefined, 2]);
});

test("an alert that the caller no longer sees is removed", async () => {
  assert.deepEqual(await seen(3, alerts([[opened, alert("a", 1), live, change("removedAlertId", "a"), HANG]])), ["a@1", "live", "-a"]);
});

test("it survives STREAM_MOVED and a dead connection, and ends with USER_ERASED", async () => {
  const watched = alerts([[opened, live, refused("STREAM_MOVED")], [opened, alert("a", 1), live, HANG], [opened, alert("a", 1), live, refused("USER_ERASED")]]);
  const got = [];
  const run = async () => {
    for await (const given of watched.stream) got.push(short(given));
  };
  assert.equal(refusal(await failure(run())).reason, "USER_ERASED");
  assert.deepEqual(got, ["live", "a@1", "live", "live"]);
  assert.ok(watched.calls[1].signal.aborted);
});

test("a ban leaves the caller's own alert; where nothing is left, it ends", async () => {
  const banned = refused("USER_BANNED");
  const { stream, calls } = alerts([[opened, alert("own", 1), alert("b", 1), live, banned], [opened, alert("own", 1), live, alert("own", 2), banned], banned]);
  const got = [];
  const run = async () => {
    for await (const given of stream) got.push(short(given));
  };
  assert.equal(refusal(await failure(run())).reason, "USER_BANNED");
  assert.deepEqual(got, ["own@1", "b@1", "live", "-b", "live", "own@2"]);
  assert.equal(calls.length, 3);
  const watched = events([[opened, live, banned]]);
  assert.equal(refusal(await failure(seen(2, watched))).reason, "USER_BANNED");
});

test("an item of a newer server is passed over", async () => {
  assert.deepEqual(await seen(1, events([[opened, { change: { case: undefined } }, live, HANG]])), ["live"]);
});
