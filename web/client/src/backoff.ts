import type { Time } from "./time.js";

/** How long to wait between tries: exponential, with full jitter. */
export interface Backoff {
  /** The longest wait after the first failure, milliseconds; it doubles with every further one. */
  readonly baseMs: number;
  /** It never grows beyond this, milliseconds. */
  readonly maxMs: number;
}

/**
 * Milliseconds until the next try: anything from 0 to the longest wait after so many failures before this one (0, 1, ..).
 * Where the server asked for a delay, that comes first and the jitter on top, so that not all come back at once.
 */
export function backoffMs(failures: number, { baseMs, maxMs }: Backoff, time: Time, askedMs = 0): number {
  return askedMs + time.random() * Math.min(maxMs, baseMs * 2 ** failures);
}
