import assert from "node:assert/strict";
import { test } from "node:test";

import { Code, ConnectError, createCrewUp, errorReason } from "../../dist/index.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../dist/gen/google/rpc/error_details_pb.js";

test("a refusal's reason, fields and delay are read from its details", () => {
  const error = new ConnectError("no", Code.InvalidArgument, undefined, [
    { desc: ErrorInfoSchema, value: { reason: "INVALID_FIELDS", domain: "crewup" } },
    { desc: BadRequestSchema, value: { fieldViolations: [{ field: "event.name", reason: "REQUIRED", description: "is required" }] } },
    { desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
  ]);
  assert.deepEqual(errorReason(error), {
    code: Code.InvalidArgument,
    reason: "INVALID_FIELDS",
    fields: [{ field: "event.name", reason: "REQUIRED", description: "is required" }],
    retryAfterMs: 1500,
  });
});

test("what is not an error of a call has no reason", () => {
  assert.deepEqual(errorReason(new TypeError("x")), { code: Code.Unknown, reason: "", fields: [] });
});

test("the token is asked for before every call, and travels in a header only", async () => {
  const seen = [];
  let turn = 0;
  const client = createCrewUp({
    baseUrl: "http://edge.example",
    token: () => `token-${(turn += 1)}`,
    fetch: async (url, init) => {
      seen.push([String(url), new Headers(init.headers).get("authorization")]);
      return new Response(null, { headers: { "content-type": "application/grpc-web+proto", "grpc-status": "5" } });
    },
  });
  await assert.rejects(client.user.getMe({}), { code: Code.NotFound });
  await assert.rejects(client.event.getEvent({ eventId: "x" }), { code: Code.NotFound });
  assert.deepEqual(seen, [
    ["http://edge.example/crewup.user.v1.UserService/GetMe", "Bearer token-1"],
    ["http://edge.example/crewup.event.v1.EventService/GetEvent", "Bearer token-2"],
  ]);
});
