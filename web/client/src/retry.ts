import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";
import { Code, type Interceptor } from "@connectrpc/connect";

import { type Backoff, backoffMs } from "./backoff.js";
import { refusal } from "./refusal.js";
import { type Time, pause } from "./time.js";

/** The edge repeats a call by itself within half a second; this is for what lasts longer. */
const BACKOFF: Backoff = { baseMs: 100, maxMs: 2000 };
const TIMEOUT_HEADER = "grpc-timeout";

/** Whether the contract marks the call as safe to repeat. A call with a `request_id` is: the server replays by it (X1). */
export function isRepeatable({ idempotency }: DescMethod): boolean {
  return idempotency === Level.NO_SIDE_EFFECTS || idempotency === Level.IDEMPOTENT;
}

/** Whether the same call may well succeed a moment later. A fetch that failed, or an answer cut off, is `Unknown` without reason. */
function isPassing(error: unknown): boolean {
  const { code, reason } = refusal(error);
  return code === Code.Unavailable || reason === "CONFLICT" || (code === Code.Unknown && reason === "");
}

/** Milliseconds that the call has, from the header that connect made of them. No header: no limit. */
function limitMs(header: Headers): number {
  const limit = /^(\d+(?:\.\d+)?)m$/.exec(header.get(TIMEOUT_HEADER) ?? "");
  return limit ? Number(limit[1]) : Infinity;
}

/**
 * Tries a unary call up to `attempts` times, where it is safe to repeat and the failure may pass. Gives up, with the last
 * error, where the next try would not begin before the deadline; never tries again once the caller has aborted.
 */
export function retry(attempts: number, time: Time): Interceptor {
  return (next) => async (request) => {
    if (request.stream || !isRepeatable(request.method)) return next(request);
    const deadline = time.now() + limitMs(request.header);
    for (let failures = 0; ; failures += 1) {
      try {
        return await next(request);
      } catch (error) {
        if (request.signal.aborted || failures + 1 >= attempts || !isPassing(error)) throw error;
        const wait = backoffMs(failures, BACKOFF, time, refusal(error).retryAfterMs);
        if (time.now() + wait >= deadline) throw error;
        await pause(wait, time, request.signal);
        if (request.signal.aborted) throw request.signal.reason;
        const left = Math.ceil(deadline - time.now());
        if (left <= 0) throw error;
        if (left < Infinity) request.header.set(TIMEOUT_HEADER, `${left}m`);
      }
    }
  };
}
