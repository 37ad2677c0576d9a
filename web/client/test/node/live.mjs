// A live chat through a real edge, in Node. Needs the services, the edge and `npm run build`:
//
//   CREWUP_TOKEN_HOST   an access token of a person with a complete profile (required)
//   CREWUP_TOKEN_GUEST  one of another person, who then joins the crew and follows the chat too
//   CREWUP_EDGE_URL     default http://127.0.0.1:8080
//   CREWUP_GROUP_METRICS  the group service's metrics, such as http://127.0.0.1:9052/metrics, to see that an abort reaches it
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { createCrewUp, event, items, liveAlerts, liveChat, liveEvents, refusal, timestampFromDate } from "../../dist/index.js";

const { CREWUP_TOKEN_HOST: HOST, CREWUP_TOKEN_GUEST: GUEST, CREWUP_GROUP_METRICS: METRICS, CREWUP_EDGE_URL: EDGE = "http://127.0.0.1:8080" } = process.env;
if (!HOST) {
  console.error("CREWUP_TOKEN_HOST: is required");
  process.exit(64);
}

const MESSAGES = 20;
const PATIENCE_MS = 30_000;
const NOWHERE = "01890000-0000-7000-8000-000000000000";

const host = createCrewUp({ baseUrl: EDGE, token: HOST });
const guest = GUEST ? createCrewUp({ baseUrl: EDGE, token: GUEST }) : undefined;
const inHours = (hours) => timestampFromDate(new Date(Date.now() + hours * 3_600_000));
const texts = Array.from({ length: MESSAGES }, (_, at) => `message ${at + 1}`);

// Gives up, where nothing comes, after so long: a test that hangs says nothing.
const patience = () => AbortSignal.timeout(PATIENCE_MS);

// A chat in the background: `live` is when it was first live, `heard` what came once so many messages did.
function follow(crewup, afterSequence, count = MESSAGES) {
  let isLive;
  const live = new Promise((done) => (isLive = done));
  const states = [];
  const onState = (state) => {
    states.push(state);
    if (state === "live" || state === "ended") isLive();
  };
  const chat = liveChat(crewup, { groupId: made.groupId, afterSequence, heartbeatSeconds: 5, signal: patience(), onState });
  const heard = (async () => {
    const sequences = [];
    const messages = [];
    for await (const change of chat) {
      if (change.kind !== "entry") continue;
      sequences.push(change.entry.sequence);
      if (change.entry.content.case === "message") messages.push(change.entry.content.value.content);
      if (messages.length === count) break;
    }
    return { sequences, messages, states };
  })();
  // Looked at later.
  heard.catch(() => {});
  return { live, heard };
}

// Slows down where the service says so (C13).
async function send(content) {
  for (;;) {
    try {
      return (await host.group.sendMessage({ groupId: made.groupId, content })).message;
    } catch (error) {
      const { reason, retryAfterMs = 1000 } = refusal(error);
      if (reason !== "RATE_LIMITED") throw error;
      await sleep(retryAfterMs);
    }
  }
}

const isRising = (sequences) => sequences.every((sequence, at) => at === 0 || sequence === sequences[at - 1] + 1n);
const made = {};

const tests = [
  ["the host makes an event, its request id filled in, and forms a crew", async () => {
    const { event: evening } = await host.event.createEvent({
      event: {
        name: `Live evening ${Date.now()}`,
        type: event.EventType.BAR,
        address: "Langstrasse 1, Zürich",
        startTime: inHours(24),
        endTime: inHours(27),
        timeZone: "Europe/Zurich",
      },
    });
    const { group } = await host.group.createGroup({ group: { eventId: evening.id, name: "Bridge spotters" } });
    Object.assign(made, { eventId: evening.id, creatorId: evening.creatorId, groupId: group.id });
  }],
  ["the event is among the host's, page by page", async () => {
    const request = { filter: { creatorId: made.creatorId }, pageSize: 1, order: event.ListEventsRequest_Order.CREATE_DESCENDING };
    let isFound = false;
    for await (const { id } of items(host.event.listEvents, request, (page) => page.events)) if ((isFound = id === made.eventId)) break;
    assert.ok(isFound);
  }],
  ...(guest ? [["a guest goes to the event and joins the crew", async () => {
    await guest.event.setAttendance({ eventId: made.eventId, status: event.AttendanceStatus.GOING });
    await guest.group.joinGroup({ groupId: made.groupId });
  }]] : []),
  [`${MESSAGES} messages come live, each once and in order`, async () => {
    const followers = [host, guest].filter(Boolean).map((crewup) => follow(crewup, 0n));
    await Promise.all(followers.map(({ live }) => live));
    for (const text of texts) await send(text);
    for (const { heard } of followers) {
      const { sequences, messages, states } = await heard;
      assert.deepEqual(messages, texts);
      assert.equal(sequences[0], 1n);
      assert.ok(isRising(sequences), String(sequences));
      assert.equal(states[0], "connecting");
      assert.equal(states.at(-1), "ended");
    }
  }],
  ["a chat that is opened again later goes on after the number that it is given", async () => {
    const { entries } = await host.group.listMessages({ groupId: made.groupId });
    const middle = entries.find(({ content }) => content.case === "message" && content.value.content === "message 10").sequence;
    const { messages, sequences } = await follow(host, middle, MESSAGES - 10).heard;
    assert.deepEqual(messages, texts.slice(10));
    assert.equal(sequences[0], middle + 1n);
  }],
  ["the host's event is on the stream of events, and its edit follows", async () => {
    const description = "Bring a torch";
    const seen = [];
    for await (const change of liveEvents(host, { heartbeatSeconds: 5, signal: patience() })) {
      if (change.kind === "live") {
        assert.equal(seen.length, 1);
        await host.event.updateEvent({ event: { id: made.eventId, description }, updateMask: { paths: ["description"] } });
      }
      if (change.id !== made.eventId) continue;
      seen.push(change.state);
      if (change.state?.event?.description === description) break;
    }
    assert.equal(seen.at(-1)?.event?.description, description);
    assert.ok(seen.at(-1).revision > seen[0].revision);
  }],
  ["the stream of alerts comes to its marker", async () => {
    let isLive = false;
    for await (const { kind } of liveAlerts(host, { heartbeatSeconds: 5, signal: patience() })) if ((isLive = kind === "live")) break;
    assert.ok(isLive);
  }],
  ["a chat of a crew that is not there, and one beyond its end, say why and end", async () => {
    for (const [options, reason] of [[{ groupId: NOWHERE }, "NOT_FOUND"], [{ groupId: made.groupId, afterSequence: 1_000_000n }, "CURSOR_OUT_OF_RANGE"]]) {
      const chat = liveChat(host, { ...options, signal: patience() });
      const error = await chat.next().then(() => undefined, (thrown) => thrown);
      assert.equal(refusal(error).reason, reason);
      assert.equal(chat.state, "ended");
    }
  }],
  ...(METRICS ? [["an abort reaches the service: its stream is closed", async () => {
    const open = async () => {
      const line = (await (await fetch(METRICS)).text()).split("\n").find((text) => /^crewup_streams\{.*StreamGroup/.test(text));
      return line ? Number(line.split(" ").at(-1)) : 0;
    };
    const until = async (wanted) => {
      for (let turn = 0; turn < 100; turn += 1) {
        if (wanted(await open())) return;
        await sleep(50);
      }
      assert.fail(`${await open()} streams are open`);
    };
    await until((count) => count === 0);
    const abort = new AbortController();
    const chat = liveChat(host, { groupId: made.groupId, signal: abort.signal });
    assert.equal((await chat.next()).value.kind, "live");
    await until((count) => count === 1);
    abort.abort();
    await until((count) => count === 0);
    assert.equal((await chat.next()).done, true);
  }]] : []),
  ["a bad token is tried twice, then it ends", async () => {
    let asked = 0;
    const stranger = createCrewUp({ baseUrl: EDGE, token: () => `not.a.token${(asked += 1)}` });
    const error = await liveChat(stranger, { groupId: made.groupId, signal: patience() }).next().then(() => undefined, (thrown) => thrown);
    assert.equal(refusal(error).reason, "TOKEN_INVALID");
    assert.equal(asked, 2);
  }],
];

let failed = 0;
for (const [name, body] of tests) {
  try {
    await body();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
