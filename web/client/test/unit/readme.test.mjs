// Runs the examples of README.md: each is bundled with this build of the client, against an edge with a script.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { CUT, connect, edge, networkFailure, refused } from "../fake.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const examples = [...readFileSync(`${root}README.md`, "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text);

/** Runs an example with what it takes from its surroundings; answers what it said to the console. */
async function run(number, surroundings) {
  const bundle = await build({
    stdin: { contents: examples[number - 1], loader: "ts", resolveDir: root },
    alias: { "@crewup/client": `${root}dist/index.js` },
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  const said = [];
  const given = { groupId: "crew", userId: "me", session: { accessToken: async () => "secret" }, ...surroundings };
  const { log } = console;
  const { random } = Math;
  const before = Object.keys(given).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  for (const [name, value] of Object.entries(given)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  console.log = (line) => said.push(String(line));
  // Waits are as short as they can be.
  Math.random = () => 0;
  try {
    await import(`data:text/javascript,${encodeURIComponent(bundle.outputFiles[0].text)}#${number}-${performance.now()}`);
  } finally {
    console.log = log;
    Math.random = random;
    for (const [name, was] of before) was ? Object.defineProperty(globalThis, name, was) : delete globalThis[name];
  }
  return said;
}

test("the README has five examples", () => assert.equal(examples.length, 5));

test("the first makes a client and a call, and says why it was refused", async () => {
  const outcomes = [
    [{}, ["welcome"]],
    [refused("GROUP_FULL"), ["no place is free"]],
    [refused("INVALID_FIELDS", { fields: [{ field: "group_id", description: "must be a UUID" }] }), ["group_id: must be a UUID"]],
    [refused("RATE_LIMITED", { retryMs: 2000 }), ["again in 2000 ms"]],
  ];
  for (const [part, said] of outcomes) {
    const { fetch, calls } = edge({ JoinGroup: [part] });
    assert.deepEqual(await run(1, { fetch }), said);
    assert.deepEqual(calls.map(({ request, token }) => [request.groupId, token]), [["crew", "secret"]]);
  }
  await assert.rejects(run(1, { fetch: edge({ JoinGroup: [refused("CREW_BANNED")] }).fetch }), /CREW_BANNED/);
});

test("the second repeats a call with the same request id, through a failure of the network", async () => {
  const message = { message: { id: "m" } };
  const { crewup, calls } = connect({ SendMessage: [networkFailure(), message, message] });
  assert.deepEqual(await run(2, { crewup }), ["true"]);
  const ids = new Set(calls.map(({ request }) => request.requestId));
  assert.deepEqual([calls.length, ids.size], [3, 1]);
});

test("the third walks through the pages, and stops where it found what it looked for", async () => {
  const named = (...names) => names.map((name) => ({ name }));
  const { crewup, calls } = connect({
    ListEvents: [
      { events: named("Karaoke"), nextPageToken: "2" },
      { events: named("Bridge night", "Later"), nextPageToken: "3" },
    ],
  });
  assert.deepEqual(await run(3, { crewup }), ["Karaoke", "Bridge night"]);
  assert.deepEqual(calls.map(({ request }) => request.pageToken), ["", "2"]);
});

test("the fourth follows a chat through a cut until the right ends", async () => {
  const change = (kind, value) => ({ change: { case: kind, value } });
  const entry = (sequence, content) => change("entry", { sequence, content: { case: "message", value: { content } } });
  const { crewup, calls } = connect({
    StreamGroup: [
      [change("opened", { afterSequence: 0n }), entry(1n, "Hi"), change("live", { sequence: 1n }), change("typing", { person: { firstName: "Ann" } }), CUT],
      [change("opened", { afterSequence: 1n }), entry(2n, "Where?"), change("live", { sequence: 2n }), refused("NOT_MEMBER", { sequence: 2 })],
    ],
  });
  assert.deepEqual(await run(4, { crewup }), ["(connecting)", "1 Hi", "(live)", "Ann is writing", "(reconnecting)", "2 Where?", "(live)", "(ended)", "NOT_MEMBER"]);
  assert.deepEqual(calls.map(({ request }) => request.afterSequence), [0n, 1n]);
});

test("the fifth rings when an alert is published, once each time", async () => {
  const change = (kind, value = {}) => ({ change: { case: kind, value } });
  const alert = (revision, publishCount) => change("alert", { alert: { id: "a", sender: { firstName: "Ann" } }, revision, publishCount });
  const { crewup, calls } = connect({
    WatchAlerts: [
      [change("opened"), alert(1n, 1), change("live"), alert(2n, 1), alert(3n, 2), CUT],
      [change("opened"), alert(3n, 2), change("live"), change("removedAlertId", "a"), CUT],
      [change("opened"), change("live"), CUT],
    ],
  });
  assert.deepEqual(await run(5, { crewup }), ["ring: Ann", "ring: Ann"]);
  assert.equal(calls.length, 3);
  assert.ok(calls[2].signal.aborted);
});
