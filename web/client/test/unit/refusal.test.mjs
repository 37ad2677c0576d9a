import assert from "node:assert/strict";
import { test } from "node:test";

import { refusal } from "../../dist/index.js";
import { ErrorReason } from "../../dist/gen/crewup/common/v1/error_reason_pb.js";
import { Code, connect, failure, networkFailure, refused } from "../fake.mjs";

test("a refusal's reason, fields, delay and sequence are read from its details", () => {
  const fields = [{ field: "event.name", reason: "REQUIRED", description: "is required" }];
  assert.deepEqual(refusal(refused("INVALID_FIELDS", { fields, retryMs: 1500, sequence: 12 })), {
    code: Code.InvalidArgument,
    reason: "INVALID_FIELDS",
    fields,
    retryAfterMs: 1500,
    sequence: 12n,
  });
});

test("it is read the same when it came over the wire", async () => {
  const { crewup } = connect({ GetEvent: [refused("RATE_LIMITED", { retryMs: 2250 })] });
  const error = await failure(crewup.event.getEvent({ eventId: "x" }));
  assert.deepEqual(refusal(error), { code: Code.ResourceExhausted, reason: "RATE_LIMITED", fields: [], retryAfterMs: 2250 });
});

test("what is not an error of a call has no reason", () => {
  assert.deepEqual(refusal(new TypeError("x")), { code: Code.Unknown, reason: "", fields: [] });
  assert.deepEqual(refusal("x"), { code: Code.Unknown, reason: "", fields: [] });
});

test("a network failure has no reason", async () => {
  const { crewup } = connect({ GetEvent: [networkFailure()] }, { attempts: 1 });
  assert.equal(refusal(await failure(crewup.event.getEvent({}))).reason, "");
});

test("every reason of the contract is told by its name", () => {
  const names = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)) && name !== "UNSPECIFIED");
  assert.ok(names.length > 60);
  for (const reason of names) assert.equal(refusal(refused(reason)).reason, reason);
});

test("a reason that the client does not know is UNKNOWN, and keeps its code", () => {
  for (const reason of ["LATER_ADDED", "UNSPECIFIED", "101", "toString", ""]) {
    const { reason: told, code } = refusal(refused(reason, { code: Code.FailedPrecondition }));
    assert.deepEqual([told, code], ["UNKNOWN", Code.FailedPrecondition]);
  }
});

test("UNKNOWN is no reason of the contract", () => {
  assert.equal(ErrorReason["UNKNOWN"], undefined);
});

test("a reason of another domain is none", () => {
  assert.equal(refusal(refused("NOT_FOUND", { domain: "googleapis.com" })).reason, "");
});
