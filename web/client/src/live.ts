import { Code, ConnectError } from "@connectrpc/connect";

import { type Backoff, backoffMs } from "./backoff.js";
import { type Reason, type Refusal, refusal } from "./refusal.js";
import { type Time, pause, realTime, untilAborted } from "./time.js";

/**
 * Where a live stream is: not yet live; live; cut, and being opened again; over. Opening the next stream before the present one
 * ends is no cut: it stays live meanwhile.
 */
export type LiveState = "connecting" | "live" | "reconnecting" | "ended";

export interface LiveOptions {
  /** Ends the loop, without an error, and the request. Leaving the loop does the same. */
  readonly signal?: AbortSignal;
  /** Seconds between the server's signs of life: 5 to 60, default 20. After 2.5 times as long without one the connection is dead. */
  readonly heartbeatSeconds?: number;
  /** Told every change of the state, and what went wrong where something did. Must not throw. */
  readonly onState?: (state: LiveState, why?: Refusal) => void;
  /** For tests: instead of the real clock, timers and chance. */
  readonly time?: Time;
}

/** Changes, for one loop. It opens nothing before the first is asked for. */
export interface Live<Change> extends AsyncIterableIterator<Change, void, undefined> {
  readonly state: LiveState;
}

/** What an item of a stream means. */
export interface Taken<Change> {
  /** What the consumer is given. */
  readonly changes?: readonly Change[];
  /** When the server will end the stream, milliseconds since 1970. */
  readonly endMs?: number;
  /** Whether it is the marker between what was there and what is new. */
  readonly isLive?: boolean;
}

/** One kind of stream. It remembers what the consumer was given. */
export interface Feed<Item, Change> {
  /** A reason that ends the present stream only: opened again, it shows what is left. At an opening it is final. */
  readonly survives?: Reason | undefined;
  /** Opens a stream, from where the consumer is. */
  open(signal: AbortSignal, heartbeatSeconds: number): AsyncIterable<Item>;
  /** Takes an item in. Throws where the stream is not what it should be, so that it is opened again. */
  take(item: Item): Taken<Change>;
}

const BACKOFF: Backoff = { baseMs: 500, maxMs: 30_000 };
const HEARTBEAT_SECONDS = 20;
const DEAD_AFTER_HEARTBEATS = 2.5;
/** A stream that was live for so long is a good one: the next failure is a first one. */
const SETTLED_MS = 10_000;
/** The next stream is opened so long before the present one ends, and up to as much again. */
const MOVE_AHEAD_MS = 5_000;
/** A stream that has less time is left to the server to end: a wrong clock here must not open streams without end. */
const WORTH_MOVING_MS = 30_000;
/** Not a failure: the stream is about to end. */
const MOVE = Symbol("move");

/** These will not heal, where the server says so with a reason. A refusal without one was made on the way. */
const FINAL = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
]);

const isBadToken = ({ code, reason }: Refusal) => code === Code.Unauthenticated && reason !== "" && reason !== "TOKEN_EXPIRED";

async function* follow<Item, Change>(
  feed: Feed<Item, Change>,
  heartbeatSeconds: number,
  time: Time,
  signal: AbortSignal,
  enter: (state: LiveState, why?: Refusal) => void,
): AsyncGenerator<Change, void, undefined> {
  const quietMs = heartbeatSeconds * 1000 * DEAD_AFTER_HEARTBEATS;
  let failures = 0;
  let badTokens = 0;
  while (!signal.aborted) {
    const stream = new AbortController();
    const stop = () => stream.abort(signal.reason);
    signal.addEventListener("abort", stop);
    let liveSince = Infinity;
    let moveAt = Infinity;
    let isOpen = false;
    let failure: unknown;
    try {
      const items = feed.open(stream.signal, heartbeatSeconds)[Symbol.asyncIterator]();
      for (;;) {
        const moveMs = moveAt - time.now();
        const cancel =
          moveMs < quietMs
            ? time.after(Math.max(0, moveMs), () => stream.abort(MOVE))
            : time.after(quietMs, () => stream.abort(new ConnectError("no sign of life", Code.Unavailable)));
        const item = await untilAborted(items.next(), stream.signal).finally(cancel);
        if (item.done) throw new ConnectError("the stream ended without a reason", Code.Unavailable);
        isOpen = true;
        badTokens = 0;
        const { changes = [], endMs, isLive } = feed.take(item.value);
        if (endMs !== undefined && endMs - time.now() > WORTH_MOVING_MS) {
          moveAt = endMs - MOVE_AHEAD_MS * (1 + time.random());
        }
        if (isLive) {
          liveSince = time.now();
          enter("live");
        }
        yield* changes;
      }
    } catch (error) {
      failure = error;
    } finally {
      signal.removeEventListener("abort", stop);
      stream.abort();
    }
    if (signal.aborted) return;
    if (time.now() - liveSince >= SETTLED_MS) failures = 0;
    if (failure === MOVE) continue;
    const why = refusal(failure);
    if (isBadToken(why)) badTokens += 1;
    const isFinal = why.reason !== "" && FINAL.has(why.code) && !(isOpen && why.reason === feed.survives);
    if (isFinal || badTokens > 1) throw failure;
    enter("reconnecting", why);
    await pause(backoffMs(failures, BACKOFF, time, why.retryAfterMs), time, signal);
    failures += 1;
  }
}

/**
 * Follows a stream for as long as that makes sense. It is opened again after whatever may heal: a cut connection, a server that
 * goes away, a token that expired (the next one is asked for), and shortly before its time is over. Throws, with a reason that
 * `refusal` reads, what will not heal: the right has ended, there is no such thing, the request is wrong, or the token was
 * refused twice in a row. What `token()` throws counts as a cut.
 *
 * It breaks before it makes: for a moment there is no stream, and who begins to write then may be missed. Nothing else is.
 */
export function live<Item, Change>(feed: Feed<Item, Change>, options: LiveOptions): Live<Change> {
  const { signal, heartbeatSeconds, onState, time = realTime } = options;
  const ended = new AbortController();
  const end = () => ended.abort();
  let state: LiveState = "connecting";
  const enter = (next: LiveState, why?: Refusal) => {
    if (next === state || state === "ended") return;
    state = next;
    if (why) onState?.(next, why);
    else onState?.(next);
  };
  const run = async function* () {
    onState?.("connecting");
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end);
    let why: Refusal | undefined;
    try {
      yield* follow(feed, heartbeatSeconds || HEARTBEAT_SECONDS, time, ended.signal, enter);
    } catch (error) {
      why = refusal(error);
      throw error;
    } finally {
      signal?.removeEventListener("abort", end);
      enter("ended", why);
    }
  };
  const changes = run();
  return {
    get state() {
      return state;
    },
    next: () => changes.next(),
    return() {
      // Before the generator hears of it: it may be waiting for an item.
      end();
      return changes.return().finally(() => enter("ended"));
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
