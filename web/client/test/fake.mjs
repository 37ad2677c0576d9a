// An edge in this process: speaks grpc-web frames through the `fetch` option, by a script; and a time that runs by itself.
import { create, fromBinary, getOption, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";

import { createCrewUp, event, group, moderation, safety, user } from "../dist/index.js";
import { ErrorReason, ErrorReasonSchema, code as codeOption } from "../dist/gen/crewup/common/v1/error_reason_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../dist/gen/google/rpc/error_details_pb.js";

const services = [event.EventService, group.GroupService, user.UserService, safety.SafetyService, moderation.ModerationService];
const methods = new Map(services.flatMap((service) => service.methods).map((method) => [`/${method.parent.typeName}/${method.name}`, method]));

const duration = (ms) => ({ seconds: BigInt(Math.trunc(ms / 1000)), nanos: (ms % 1000) * 1_000_000 });


/** An error as the services make it: `refused("OVERLOADED", { retryMs: 1000 })`. */
export function refused(reason, { retryMs, fields, sequence, code, domain = "crewup" } = {}) {
  const always = ErrorReasonSchema.values.find(({ number }) => number === ErrorReason[reason]);
  const metadata = sequence === undefined ? {} : { sequence: String(sequence) };
  return new ConnectError(`refused: ${reason}`, code ?? getOption(always, codeOption), undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain, metadata } },
    ...(fields ? [{ desc: BadRequestSchema, value: { fieldViolations: fields } }] : []),
    ...(retryMs === undefined ? [] : [{ desc: RetryInfoSchema, value: { retryDelay: duration(retryMs) } }]),
  ]);
}

/** What a browser's fetch throws when there is no network. */
export const networkFailure = () => new TypeError("Failed to fetch");

/** Never ends by itself: only by the signal. */
export const HANG = Symbol("hang");
/** The connection breaks. */
export const CUT = Symbol("cut");

const turn = () => new Promise((done) => setImmediate(done));
const headers = { "content-type": "application/grpc-web+proto" };

function trailer(error) {
  const fields = new Headers();
  setTrailerStatus(fields, error);
  return encodeEnvelope(trailerFlag, trailerSerialize(fields));
}

/** An answer of frames, each sent when it is asked for. */
function framed(method, signal, items, end) {
  const steps = items.values();
  const body = new ReadableStream({
    start(controller) {
      signal.addEventListener("abort", () => controller.error(signal.reason));
    },
    async pull(controller) {
      for (const step of steps) {
        if (typeof step === "function") {
          await step();
          continue;
        }
        return controller.enqueue(encodeEnvelope(0, toBinary(method.output, create(method.output, step))));
      }
      // What was sent has been read by then.
      await turn();
      if (signal.aborted) return;
      if (end === HANG) return new Promise(() => {});
      if (end === CUT) return controller.error(networkFailure());
      controller.enqueue(trailer(end));
      controller.close();
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers });
}

/**
 * An edge with a script: for each call by name, what it does the first time, the second time, and so on; a call that is not
 * in it is refused for good, as INVALID_FIELDS. A part of the script is
 *
 *   an object            the answer of a unary call
 *   [item, .., end]      a stream: objects are sent, functions waited for; then CUT, HANG, an error, or undefined, which is OK
 *   an Error, HANG       a refusal by status; a fetch that fails where it is no ConnectError; no answer at all
 *   a function           makes one of these of the request
 *
 * `calls` is what came: {name, request, token, timeout, signal}.
 */
export function edge(script = {}) {
  const calls = [];
  const left = Object.fromEntries(Object.entries(script).map(([name, parts]) => [name, [...parts]]));
  const fetch = async (url, { headers: sent, body, signal }) => {
    const method = methods.get(new URL(url).pathname);
    const { name } = method;
    const request = fromBinary(method.input, body.subarray(5));
    const header = new Headers(sent);
    const token = header.get("authorization")?.replace("Bearer ", "");
    calls.push({ name, request, token, timeout: header.get("grpc-timeout"), signal });
    signal.throwIfAborted();
    const parts = left[name];
    let part = parts?.length ? parts.shift() : refused("INVALID_FIELDS", { fields: [{ field: `${name} is not in the script` }] });
    if (typeof part === "function") part = part(request);
    if (part === HANG) return new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));
    if (part instanceof ConnectError) return framed(method, signal, [], part);
    if (part instanceof Error) throw part;
    if (Array.isArray(part)) return framed(method, signal, part.slice(0, -1), part.at(-1));
    return framed(method, signal, [part], undefined);
  };
  return { fetch, calls, named: (name) => calls.filter((call) => call.name === name) };
}

/** A client of such an edge. */
export function connect(script, options = {}) {
  const server = edge(script);
  const crewup = createCrewUp({ baseUrl: "http://edge.example", token: "a token", fetch: server.fetch, ...options });
  return { crewup, ...server };
}

/**
 * A time that jumps to the next timer as soon as nothing else is going on. `waits` is how long each wait was meant to be, in
 * milliseconds, `chance` what random() is. `wait(ms)` is a step of a stream.
 */
export function fakeTime(chance = 0.5) {
  const timers = new Set();
  const waits = [];
  let now = Date.UTC(2030, 0, 1);
  let quiet = 0;
  let isRunning = false;
  const run = async () => {
    isRunning = true;
    for (; timers.size > 0; quiet += 1) {
      if (quiet > 20) {
        const next = [...timers].reduce((one, other) => (other.at < one.at ? other : one));
        timers.delete(next);
        now = Math.max(now, next.at);
        quiet = 0;
        next.run();
      }
      await turn();
    }
    isRunning = false;
  };
  const after = (ms, then) => {
    const timer = { at: now + ms, run: then };
    timers.add(timer);
    quiet = 0;
    if (!isRunning) void run();
    return () => timers.delete(timer);
  };
  const start = now;
  return {
    time: {
      now: () => now,
      random: () => chance,
      after(ms, then) {
        waits.push(ms);
        return after(ms, then);
      },
    },
    waits,
    elapsed: () => now - start,
    wait: (ms) => () => new Promise((done) => after(ms, done)),
    inMs: (ms) => timestampFromMs(now + ms),
  };
}

/** The first so many of a live stream, which is left then. */
export async function first(count, stream) {
  const taken = [];
  if (count === 0) return taken;
  for await (const change of stream) {
    taken.push(change);
    if (taken.length === count) break;
  }
  return taken;
}

/** What a promise fails with. */
export const failure = (promise) => promise.then(() => Promise.reject(new Error("it did not fail")), (error) => error);

export { Code };
