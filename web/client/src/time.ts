/** The clock, the timers and the chance that waiting is made of; a test hands in its own. */
export interface Time {
  /** Milliseconds since 1970. */
  now(): number;
  /** From 0 to below 1. */
  random(): number;
  /** Calls back once after so many milliseconds, unless what it returns is called before. */
  after(ms: number, run: () => void): () => void;
}

/** What a timer of a browser can hold; longer ones would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const realTime: Time = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** Resolves after so many milliseconds, or as soon as the signal is aborted. Never rejects. */
export function pause(ms: number, time: Time, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = time.after(ms, done);
    signal.addEventListener("abort", done);
  });
}

/** What the promise comes to; rejects with the signal's reason where that is aborted first, whatever the promise does. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const settled = () => signal.removeEventListener("abort", abort);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(settled);
  });
}
