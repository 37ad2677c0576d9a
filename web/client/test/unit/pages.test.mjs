import assert from "node:assert/strict";
import { test } from "node:test";

import { items, pages, refusal } from "../../dist/index.js";
import { Code, connect, failure, refused } from "../fake.mjs";

const script = () => ({
  ListEvents: [
    { events: [{ id: "1" }, { id: "2" }], nextPageToken: "b" },
    { events: [], nextPageToken: "c" },
    { events: [{ id: "3" }] },
  ],
});

test("every item of every page comes, an empty page between too, with the same filter", async () => {
  const { crewup, calls } = connect(script());
  const seen = [];
  const request = { pageSize: 2, filter: { creatorId: "me" } };
  for await (const event of items(crewup.event.listEvents, request, (page) => page.events)) seen.push(event.id);
  assert.deepEqual(seen, ["1", "2", "3"]);
  assert.deepEqual(calls.map(({ request: { pageToken, pageSize, filter } }) => [pageToken, pageSize, filter.creatorId]), [
    ["", 2, "me"],
    ["b", 2, "me"],
    ["c", 2, "me"],
  ]);
  assert.deepEqual(Object.keys(request), ["pageSize", "filter"]);
});

test("whole pages come with what else they say", async () => {
  const { crewup } = connect({ ListEvents: [{ events: [{ id: "1" }], totalSize: 1 }] });
  const sizes = [];
  for await (const page of pages(crewup.event.listEvents, {})) sizes.push(page.events.length);
  assert.deepEqual(sizes, [1]);
});

test("who leaves early makes no call more", async () => {
  const { crewup, calls } = connect(script());
  for await (const event of items(crewup.event.listEvents, {}, (page) => page.events)) if (event.id === "2") break;
  assert.equal(calls.length, 1);
});

test("it goes on from a page token", async () => {
  const { crewup, calls } = connect({ ListMyGroups: [{ groups: [] }] });
  for await (const _ of pages(crewup.group.listMyGroups, { pageToken: "kept" }));
  assert.equal(calls[0].request.pageToken, "kept");
});

test("an aborted signal ends it before the next page is asked for", async () => {
  const { crewup, calls } = connect(script());
  const abort = new AbortController();
  const run = async () => {
    for await (const _ of pages(crewup.event.listEvents, {}, { signal: abort.signal })) abort.abort();
  };
  assert.equal(refusal(await failure(run())).code, Code.Canceled);
  assert.ok(calls.length <= 2 && calls.every(({ signal }) => signal.aborted));
});

test("a page that fails ends it with the call's error", async () => {
  const { crewup } = connect({ ListEvents: [refused("INVALID_PAGE_TOKEN")] });
  assert.equal(refusal(await failure(pages(crewup.event.listEvents, {}).next())).reason, "INVALID_PAGE_TOKEN");
});
