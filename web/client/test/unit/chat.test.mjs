import assert from "node:assert/strict";
import { test } from "node:test";

import { liveChat, refusal } from "../../dist/index.js";
import { Code, CUT, HANG, connect, failure, fakeTime, first, networkFailure, refused } from "../fake.mjs";

const change = (kind, value) => ({ change: { case: kind, value } });
const opened = (afterSequence, endTime) => change("opened", { afterSequence: BigInt(afterSequence), ...(endTime && { endTime }) });
const entry = (sequence) => change("entry", { sequence: BigInt(sequence) });
const live = (sequence) => change("live", { sequence: BigInt(sequence) });
const beat = (sequence) => change("heartbeat", { sequence: BigInt(sequence) });
const typing = change("typing", { person: { userId: "ann" } });

/** A chat over scripted streams: `take(n)` is what it hands over first, `asked()` after which numbers it was opened. */
function chat(streams, { clock = fakeTime(), ...options } = {}) {
  const states = [];
  const { crewup, calls } = connect({ StreamGroup: streams }, options);
  const stream = liveChat(crewup, {
    groupId: "crew",
    time: clock.time,
    onState: (state, why) => states.push(why ? [state, why.reason] : [state]),
    ...options,
  });
  const take = async (count) => (await first(count, stream)).map(short);
  return { stream, take, states, calls, clock, asked: () => calls.map(({ request }) => request.afterSequence) };
}
const short = (given) => (given.kind === "entry" ? Number(given.entry.sequence) : given.kind);

test("entries, who is writing and the marker come in order, and the state is told", async () => {
  const { take, states, calls, stream } = chat([[opened(0), entry(1), entry(2), live(2), typing, beat(2), entry(3), HANG]], { afterSequence: 0n });
  assert.equal(stream.state, "connecting");
  assert.deepEqual(await take(5), [1, 2, "live", "typing", 3]);
  assert.deepEqual(states, [["connecting"], ["live"], ["ended"]]);
  assert.equal(stream.state, "ended");
  assert.deepEqual([calls[0].request.groupId, calls[0].request.heartbeatSeconds, calls[0].timeout], ["crew", 20, null]);
});

test("a stream cut in the middle is resumed after the last entry that was handed over", async () => {
  const { take, asked, states } = chat([[opened(0), entry(1), entry(2), CUT], [opened(2), entry(3), live(3), HANG]], { afterSequence: 0n });
  assert.deepEqual(await take(4), [1, 2, 3, "live"]);
  assert.deepEqual(asked(), [0n, 2n]);
  assert.deepEqual(states, [["connecting"], ["reconnecting", ""], ["live"], ["ended"]]);
});

test("without a number it begins with what is new, and resumes from where that was", async () => {
  const { take, asked } = chat([networkFailure(), [opened(41), live(41), CUT], [opened(41), entry(42), HANG]]);
  assert.deepEqual(await take(2), ["live", 42]);
  assert.deepEqual(asked(), [undefined, undefined, 41n]);
});

test("what is no longer kept is passed over, where the stream says so", async () => {
  const { take, asked } = chat([[opened(900), entry(901), live(901), CUT], [opened(901), entry(902), HANG]], { afterSequence: 5n });
  assert.deepEqual(await take(3), [901, "live", 902]);
  assert.deepEqual(asked(), [5n, 901n]);
});

test("a double is dropped", async () => {
  const { take, asked } = chat([[opened(0), entry(1), entry(1), entry(2), entry(1), live(2), HANG]], { afterSequence: 0n });
  assert.deepEqual(await take(3), [1, 2, "live"]);
  assert.equal(asked().length, 1);
});

test("a gap opens the stream again from the last number, wherever it shows", async () => {
  for (const gap of [entry(3), live(2), beat(2)]) {
    const { take, asked } = chat([[opened(0), entry(1), gap, HANG], [opened(1), entry(2), entry(3), live(3), HANG]], { afterSequence: 0n });
    assert.deepEqual(await take(4), [1, 2, 3, "live"]);
    assert.deepEqual(asked(), [0n, 1n]);
  }
});

test("whatever may heal opens it again: moved, slow, broken, overloaded, or just over", async () => {
  const ends = [
    refused("STREAM_MOVED", { sequence: 1 }),
    refused("SLOW_READER", { sequence: 1 }),
    refused("INTERNAL"),
    refused("RATE_LIMITED", { retryMs: 1000 }),
    refused("OVERLOADED"),
    undefined,
    CUT,
  ];
  for (const end of ends) {
    const { take, asked } = chat([[opened(0), entry(1), end], [opened(1), entry(2), HANG]], { afterSequence: 0n });
    assert.deepEqual(await take(2), [1, 2]);
    assert.deepEqual(asked(), [0n, 1n]);
  }
});

test("it goes on after the last entry that came, whatever number STREAM_MOVED carries", async () => {
  const { take, asked } = chat([[opened(0), entry(1), refused("STREAM_MOVED", { sequence: 5 })], [opened(1), entry(2), HANG]], { afterSequence: 0n });
  assert.deepEqual(await take(2), [1, 2]);
  assert.deepEqual(asked(), [0n, 1n]);
});

test("a token that expired is replaced by a fresh one", async () => {
  let turn = 0;
  const token = () => `token-${(turn += 1)}`;
  const streams = [[opened(0), entry(1), refused("TOKEN_EXPIRED", { sequence: 1 })], refused("TOKEN_EXPIRED"), [opened(1), entry(2), HANG]];
  const { take, calls } = chat(streams, { token, afterSequence: 0n });
  assert.deepEqual(await take(2), [1, 2]);
  assert.deepEqual(calls.map((call) => call.token), ["token-1", "token-2", "token-3"]);
});

test("a token that is refused is asked for once more, then it ends", async () => {
  for (const reason of ["TOKEN_INVALID", "TOKEN_MISSING"]) {
    const healed = chat([refused(reason), [opened(0), entry(1), HANG]], { afterSequence: 0n });
    assert.deepEqual(await healed.take(1), [1]);
    const ended = chat([refused(reason), refused(reason)]);
    assert.equal(refusal(await failure(ended.take(1))).reason, reason);
    assert.equal(ended.calls.length, 2);
  }
});

test("a token() that fails is a cut", async () => {
  let turn = 0;
  const token = () => {
    turn += 1;
    if (turn === 1) throw new Error("the issuer is away");
    return "token";
  };
  assert.deepEqual(await chat([[opened(0), entry(1), HANG]], { token, afterSequence: 0n }).take(1), [1]);
});

test("what will not heal ends it with the typed error", async () => {
  const reasons = ["NOT_MEMBER", "CREW_BANNED", "USER_BANNED", "USER_DEACTIVATED", "USER_ERASED", "NOT_FOUND", "INVALID_FIELDS", "CURSOR_OUT_OF_RANGE", "PROFILE_INCOMPLETE", "UNKNOWN_CALL"];
  for (const reason of reasons) {
    const { take, calls, states, stream } = chat([[opened(0), live(0), refused(reason, { sequence: 0 })]]);
    assert.equal(refusal(await failure(take(2))).reason, reason);
    assert.equal(calls.length, 1);
    assert.deepEqual(states.at(-1), ["ended", reason]);
    assert.equal(stream.state, "ended");
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
  }
});

test("a reason of a newer server is judged by its code", async () => {
  const ended = chat([refused("LATER", { code: Code.PermissionDenied })]);
  assert.equal(refusal(await failure(ended.take(1))).reason, "UNKNOWN");
  const healed = chat([refused("LATER", { code: Code.Unavailable }), [opened(0), live(0), HANG]]);
  assert.deepEqual(await healed.take(1), ["live"]);
});

test("a refusal without a reason, made on the way, is a cut", async () => {
  const { take } = chat([refused("NOT_FOUND", { domain: "some proxy" }), [opened(0), live(0), HANG]]);
  assert.deepEqual(await take(1), ["live"]);
});

test("without a sign of life for 2.5 heartbeats the connection is dead", async () => {
  const clock = fakeTime(0);
  const { take, calls, asked } = chat(
    [[opened(7), live(7), clock.wait(45_000), beat(7), clock.wait(45_000), beat(7), HANG], [opened(7), entry(8), HANG]],
    { clock },
  );
  assert.deepEqual(await take(2), ["live", 8]);
  assert.deepEqual(asked(), [undefined, 7n]);
  assert.equal(clock.elapsed(), 45_000 + 45_000 + 50_000);
  assert.ok(calls[0].signal.aborted);
});

test("an opening that nobody answers is dead by then too", async () => {
  const clock = fakeTime(0);
  const { take, calls } = chat([HANG, [opened(0), live(0), HANG]], { clock, heartbeatSeconds: 5 });
  assert.deepEqual(await take(1), ["live"]);
  assert.equal(clock.elapsed(), 12_500);
  assert.ok(calls[0].signal.aborted);
});

test("the next stream is opened shortly before the present one ends, and nobody notices", async () => {
  const clock = fakeTime();
  const { take, calls, asked, states } = chat(
    [[opened(3, clock.inMs(60_000)), live(3), HANG], [opened(3), entry(4), HANG]],
    { clock, heartbeatSeconds: 60 },
  );
  assert.deepEqual(await take(2), ["live", 4]);
  assert.equal(clock.elapsed(), 52_500);
  assert.deepEqual(asked(), [undefined, 3n]);
  assert.ok(calls[0].signal.aborted);
  assert.deepEqual(states, [["connecting"], ["live"], ["ended"]]);
});

test("a stream that seems to end at once, by a wrong clock, is left to the server", async () => {
  const clock = fakeTime(0);
  const { take, calls } = chat(
    [[opened(0, clock.inMs(-600_000)), live(0), clock.wait(1000), entry(1), refused("STREAM_MOVED")], [opened(1), entry(2), HANG]],
    { clock },
  );
  assert.deepEqual(await take(3), ["live", 1, 2]);
  assert.equal(calls.length, 2);
});

test("it waits longer with every failure, at most half a minute, and from the start again after a good stream", async () => {
  const clock = fakeTime();
  const bad = Array.from({ length: 8 }, networkFailure);
  const good = [opened(0), live(0), clock.wait(10_000), beat(0), CUT];
  const short = [opened(0), live(0), CUT];
  const { take } = chat([...bad, short, good, short, [opened(0), live(0), HANG]], { clock, heartbeatSeconds: 60 });
  await take(4);
  // All but the watchdog's.
  const waits = clock.waits.filter((ms) => ms !== 150_000);
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 250, 500]);
});

test("the delay that the server asks for comes first", async () => {
  const clock = fakeTime();
  const { take } = chat([refused("OVERLOADED", { retryMs: 3000 }), [opened(0), live(0), HANG]], { clock });
  await take(1);
  assert.ok(clock.waits.includes(3250));
});

test("leaving the loop aborts the request", async () => {
  const { take, calls } = chat([[opened(0), entry(1), entry(2), HANG]], { afterSequence: 0n });
  assert.deepEqual(await take(1), [1]);
  assert.ok(calls[0].signal.aborted);
});

test("aborting ends the loop without an error, and aborts the request", async () => {
  const abort = new AbortController();
  const { stream, calls, states } = chat([[opened(0), live(0), HANG]], { signal: abort.signal });
  const seen = [];
  for await (const { kind } of stream) {
    seen.push(kind);
    setImmediate(() => abort.abort());
  }
  assert.deepEqual(seen, ["live"]);
  assert.ok(calls[0].signal.aborted);
  assert.deepEqual(states.at(-1), ["ended"]);
});

test("aborting while it waits to open again ends it too, and no request follows", async () => {
  const abort = new AbortController();
  const time = { ...fakeTime().time, after: (ms) => (ms < 50_000 && setImmediate(() => abort.abort()), () => {}) };
  const { stream, calls } = chat([networkFailure()], { signal: abort.signal, time });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.equal(calls.length, 1);
});

test("one that was aborted before opens nothing", async () => {
  const { stream, calls } = chat([], { signal: AbortSignal.abort() });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.equal(calls.length, 0);
});

test("return() ends one that waits for an item", async () => {
  const { stream, calls } = chat([[opened(0), HANG]]);
  const waiting = stream.next();
  setImmediate(() => void stream.return());
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.ok(calls[0].signal.aborted);
});
