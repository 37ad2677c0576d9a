// The generated client in headless Chromium, through the edge. Needs the services, the edge, a token and Chromium:
//
//   CREWUP_TOKEN_HOST   an access token of a person with a complete profile (required)
//   CREWUP_EDGE_URL     default http://127.0.0.1:8080
//   CREWUP_EDGE_TLS_URL default https://127.0.0.1:8443, with any certificate
//   CREWUP_WEB_ORIGIN   default http://localhost:5173: where the page is served; one of the edge's CREWUP_EDGE_ORIGINS
//   CHROMIUM            default /usr/bin/chromium (apt-get install -y chromium)
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright-core";

const {
  CREWUP_TOKEN_HOST: TOKEN,
  CREWUP_EDGE_URL: EDGE = "http://127.0.0.1:8080",
  CREWUP_EDGE_TLS_URL: EDGE_TLS = "https://127.0.0.1:8443",
  CREWUP_WEB_ORIGIN: ORIGIN = "http://localhost:5173",
  CHROMIUM = "/usr/bin/chromium",
} = process.env;
if (!TOKEN) {
  console.error("CREWUP_TOKEN_HOST: is required");
  process.exit(64);
}

const here = fileURLToPath(new URL(".", import.meta.url));
const bundle = await build({
  entryPoints: [join(here, "page.ts")],
  bundle: true,
  format: "iife",
  target: "es2022",
  write: false,
});
const script = bundle.outputFiles[0].text;

const serve = (port) => new Promise((done, fail) => {
  const server = http.createServer((request, answer) => {
    const isScript = request.url === "/page.js";
    answer.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html; charset=utf-8" });
    answer.end(isScript ? script : '<!doctype html><title>CrewUp</title><link rel="icon" href="data:,"><script src="/page.js"></script>');
  });
  server.on("error", fail);
  server.listen(port, "127.0.0.1", () => done(server));
});
const ours = await serve(Number(new URL(ORIGIN).port));
const theirs = await serve(0);
const foreign = `http://localhost:${theirs.address().port}`;

const profile = mkdtempSync(join(tmpdir(), "crewup-chromium-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: CHROMIUM,
  headless: true,
  ignoreHTTPSErrors: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // localhost is these servers, whatever else the machine calls so.
    "--host-resolver-rules=MAP localhost 127.0.0.1",
  ],
});

// A page of an origin; `call(service, method, request)` answers {answer} or {error}.
async function open(origin, edge, token) {
  const page = await browser.newPage();
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(origin);
  await page.evaluate((options) => globalThis.connect(options), { baseUrl: edge, token });
  const call = (service, method, request = {}) => page.evaluate((what) => globalThis.call(...what), [service, method, request]);
  return { page, said, call };
}

const NOWHERE = "01890000-0000-7000-8000-000000000000";
// Of google.rpc.Code.
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const UNAUTHENTICATED = 16;

const page = await open(ORIGIN, EDGE, TOKEN);
const inHours = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
const requestId = randomUUID();
const event = {
  name: `Browser evening ${requestId.slice(0, 8)}`,
  type: "EVENT_TYPE_BAR",
  address: "Langstrasse 1, Zürich",
  location: { latitude: 0, longitude: 8.52 },
  startTime: inHours(24),
  endTime: inHours(27),
  timeZone: "Europe/Zurich",
  maxAttendees: 12,
};
let made;
let crewId;

const tests = [
  ["GetMe answers the caller's own profile", async () => {
    const { answer, error } = await page.call("user", "getMe");
    assert.equal(error, undefined, JSON.stringify(error));
    assert.match(answer.profile.id, /^[0-9a-f-]{36}$/);
    assert.match(answer.profile.email, /@/);
  }],
  ["CreateEvent makes an event, once per request id", async () => {
    const first = await page.call("event", "createEvent", { event, requestId });
    assert.equal(first.error, undefined, JSON.stringify(first.error));
    made = first.answer.event;
    assert.equal(made.name, event.name);
    const again = await page.call("event", "createEvent", { event, requestId });
    assert.equal(again.answer?.event.id, made.id);
  }],
  ["GetEvent answers it, with its text and its place as they were", async () => {
    const { answer } = await page.call("event", "getEvent", { eventId: made.id });
    assert.equal(answer.event.address, event.address);
    // The equator is a place: a zero is not "absent".
    assert.deepEqual(answer.event.location, { longitude: 8.52 });
  }],
  ["ListEvents finds it among the caller's", async () => {
    const filter = { creatorId: made.creatorId };
    const { answer, error } = await page.call("event", "listEvents", { filter, pageSize: 100, order: "ORDER_CREATE_DESCENDING" });
    assert.equal(error, undefined, JSON.stringify(error));
    assert.ok(answer.events.some(({ id }) => id === made.id));
  }],
  ["a crew is formed for it and talks", async () => {
    const group = { eventId: made.id, name: "Bridge spotters" };
    const formed = await page.call("group", "createGroup", { group, requestId: randomUUID() });
    assert.equal(formed.error, undefined, JSON.stringify(formed.error));
    const groupId = (crewId = formed.answer.group.id);
    const sent = await page.call("group", "sendMessage", { groupId, content: "Grüezi 👋", requestId: randomUUID() });
    assert.equal(sent.error, undefined, JSON.stringify(sent.error));
    const read = await page.call("group", "listMessages", { groupId });
    // The founder's joining is the first entry.
    assert.deepEqual(read.answer.entries.map(({ sequence, message }) => [sequence, message?.content]), [["1", undefined], ["2", "Grüezi 👋"]]);
  }],
  ["an alert that nobody would receive, and a moderator's call, say why they are refused", async () => {
    const alert = await page.call("safety", "triggerAlert", { requestId: randomUUID(), groupIds: [NOWHERE] });
    assert.equal(alert.error?.reason, "NO_ACTIVE_CREW");
    const reports = await page.call("moderation", "listReports");
    assert.equal(reports.error?.reason, "ROLE_REQUIRED");
  }],
  ["an event that is not there is NOT_FOUND with the reason of the contract", async () => {
    const { error } = await page.call("event", "getEvent", { eventId: NOWHERE });
    assert.equal(error?.code, NOT_FOUND);
    assert.equal(error.reason, "NOT_FOUND");
  }],
  ["a request with several wrong fields is INVALID_ARGUMENT and names each", async () => {
    const wrong = { ...event, name: " ", address: "", maxAttendees: 1 };
    const { error } = await page.call("event", "createEvent", { event: wrong, requestId: randomUUID() });
    assert.equal(error?.code, INVALID_ARGUMENT);
    assert.equal(error.reason, "INVALID_FIELDS");
    const named = error.fields.map(({ field }) => field);
    for (const field of ["name", "address", "max_attendees"]) {
      assert.ok(named.some((path) => path.endsWith(field)), `${field} in ${named}`);
    }
    assert.ok(error.fields.every(({ description }) => description));
  }],
  ["a bad token, and none, are UNAUTHENTICATED, each with its reason", async () => {
    for (const [token, reason] of [["not.a.token", "TOKEN_INVALID"], [undefined, "TOKEN_MISSING"]]) {
      const { call } = await open(ORIGIN, EDGE, token);
      const { error } = await call("user", "getMe");
      assert.equal(error?.code, UNAUTHENTICATED);
      assert.equal(error.reason, reason);
    }
  }],
  ["a page of another origin is refused by CORS", async () => {
    const { call, said } = await open(foreign, EDGE, TOKEN);
    const { answer, error } = await call("user", "getMe");
    assert.equal(answer, undefined);
    assert.equal(error.reason, "");
    assert.match(said.join("\n"), /blocked by CORS policy/);
  }],
  ["the same over TLS, as h2", async () => {
    const { page: tab, call } = await open(ORIGIN, EDGE_TLS, TOKEN);
    const session = await browser.newCDPSession(tab);
    await session.send("Network.enable");
    const protocols = new Set();
    session.on("Network.responseReceived", ({ response }) => protocols.add(response.protocol));
    const { answer, error } = await call("event", "getEvent", { eventId: made.id });
    assert.equal(error, undefined, JSON.stringify(error));
    assert.equal(answer.event.id, made.id);
    assert.deepEqual([...protocols], ["h2"]);
  }],
  // Without h2 a browser would have six connections, and the calls none.
  ["eight live chats of one tab, over TLS, all hear ten messages once and in order, and are aborted", async () => {
    const { page: tab, call, said } = await open(ORIGIN, EDGE_TLS, TOKEN);
    const session = await browser.newCDPSession(tab);
    await session.send("Network.enable");
    const streams = new Map();
    let cancelled = 0;
    session.on("Network.requestWillBeSent", ({ requestId, request }) => {
      if (request.method === "POST" && request.url.endsWith("/StreamGroup")) streams.set(requestId, undefined);
    });
    session.on("Network.responseReceived", ({ requestId, response }) => {
      if (streams.has(requestId)) streams.set(requestId, response.protocol);
    });
    session.on("Network.loadingFailed", ({ requestId, canceled }) => {
      if (streams.has(requestId) && canceled) cancelled += 1;
    });
    const listening = await tab.evaluate((id) => globalThis.listen(id, 8), crewId);
    assert.deepEqual(listening.map(({ states }) => states.at(-1)), Array(8).fill("live"), said.join("\n"));

    const texts = Array.from({ length: 10 }, (_, at) => `message ${at + 1}`);
    for (const content of texts) {
      const { error } = await call("group", "sendMessage", { groupId: crewId, content });
      assert.equal(error, undefined, JSON.stringify(error));
    }
    const all = (count) => globalThis.heard().every(({ messages }) => messages.length >= count);
    await tab.waitForFunction(all, texts.length, { timeout: 10_000 }).catch(() => {}); // What is missing is said below.
    for (const { messages, sequences } of await tab.evaluate(() => globalThis.heard())) {
      assert.deepEqual(messages, texts);
      assert.ok(sequences.every((sequence, at) => Number(sequence) === Number(sequences[0]) + at), String(sequences));
    }

    const over = await tab.evaluate(() => globalThis.hush());
    assert.deepEqual(over.map(({ states }) => states), Array(8).fill(["connecting", "live", "ended"]));
    // The events of the browser come a moment later than the page's.
    for (let turn = 0; cancelled < 8 && turn < 50; turn += 1) await tab.waitForTimeout(100);
    assert.equal(cancelled, 8);
    assert.deepEqual([...streams.values()], Array(8).fill("h2"));
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
if (failed) console.log(page.said.join("\n"));
await browser.close();
ours.close();
theirs.close();
rmSync(profile, { recursive: true, force: true });
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
