/**
 * When, and after which pause, the same request is sent again.
 *
 * The law is that of every client of the window: what says "not now" is repeated with the same request id, after pauses
 * that double from 50 ms to 5 s, each with up to as much again by chance, twelve times.
 */
import { status } from "@grpc/grpc-js";
import { setTimeout as sleep } from "node:timers/promises";

/** After these the same request, with the same id, can have another answer. */
const WORTH_REPEATING: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
  status.CANCELLED,
  status.UNKNOWN,
]);

/** How often a request is repeated at most. */
export const TIMES = 12;

const LEAST = 50;
const MOST = 5_000;

export function isWorthRepeating(code: number): boolean {
  return WORTH_REPEATING.has(code);
}

/** Pauses in milliseconds: so many, or without end. */
export function* pauses(times = TIMES): Generator<number, undefined> {
  let pause = LEAST;
  for (let count = 0; count < times; count += 1) {
    yield pause * (1 + Math.random());
    pause = Math.min(2 * pause, MOST);
  }
  return undefined;
}

/** Waits; ends early, without an error, when the signal says so. */
export async function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
