/** Following a stream without end: after a cut it goes on where it stopped. */
import { type ClientReadableStream, status } from "@grpc/grpc-js";

import { CebService, type FollowReceiptsResponse, type OutgoingMessage } from "./gen/single_window/ceb/v1/ceb_service_pb.js";
import { DeclarationService, type WatchResponse } from "./gen/single_window/declaration/v1/declaration_service_pb.js";
import { ofError, Refusal } from "./refusal.js";
import { isWorthRepeating, pauses, wait } from "./retry.js";
import { type Window } from "./window.js";

/** What who follows hears: what happened, and how the connection is. */
export type Update<T> =
  | { readonly kind: "entry"; readonly entry: T }
  /** Nothing happened for a while; only there is something newer to resume from. */
  | { readonly kind: "heartbeat" }
  /** The window is away. Nothing is missed: it goes on where it stopped. */
  | { readonly kind: "lost"; readonly why: Refusal }
  /** The window is there again. */
  | { readonly kind: "back" };

/** How one kind of stream is opened and read. */
interface Source<T, P, M> {
  open(resume: P): ClientReadableStream<M>;
  /** Where to go on after a message, and what of it is told. */
  take(resume: P, message: M): readonly [P, T | undefined];
}

/** What happens, without end. Iterate it for entries, `updates()` for the connection as well. */
export class Following<T, P, M = unknown> implements AsyncIterable<T> {
  readonly #window: Window;
  readonly #source: Source<T, P, M>;
  readonly #closed = new AbortController();
  #resume: P;
  #call: ClientReadableStream<M> | undefined;

  constructor(window: Window, resume: P, source: Source<T, P, M>) {
    this.#window = window;
    this.#resume = resume;
    this.#source = source;
  }

  /**
   * Where to go on in another process: a resume token, or the position of receipts. Store it after you have processed
   * what came with it.
   */
  get resume(): P {
    return this.#resume;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const update of this.updates()) if (update.kind === "entry") yield update.entry;
  }

  /**
   * The same with heartbeats; tells once when the window is lost and once when it is back. Throws {@link Refusal} when
   * repeating cannot help.
   */
  async *updates(): AsyncGenerator<Update<T>, void, undefined> {
    let pause = pauses(Infinity);
    let lost = false;
    while (!this.#closed.signal.aborted) {
      let why = new Refusal({ grpcCode: status.UNAVAILABLE, title: "the stream ended", titleZh: "流已结束" });
      const call = (this.#call = this.#source.open(this.#resume));
      // Of the stream only: what the reader of updates throws is none of it.
      const messages = (call as AsyncIterable<M>)[Symbol.asyncIterator]();
      try {
        for (;;) {
          let message: IteratorResult<M>;
          try {
            message = await messages.next();
          } catch (error) {
            why = ofError(error, this.#window.address);
            break;
          }
          if (message.done) break;
          if (lost) yield { kind: "back" };
          lost = false;
          pause = pauses(Infinity);
          const [resume, entry] = this.#source.take(this.#resume, message.value);
          this.#resume = resume;
          yield entry === undefined ? { kind: "heartbeat" } : { kind: "entry", entry };
        }
      } finally {
        call.cancel();
      }
      if (this.#closed.signal.aborted) return;
      if (!isWorthRepeating(why.grpcCode)) throw why;
      if (!lost) yield { kind: "lost", why };
      lost = true;
      await wait(Math.max(pause.next().value ?? 0, why.retryAfter ?? 0), this.#closed.signal);
    }
  }

  close(): void {
    this.#closed.abort();
    this.#call?.cancel();
  }
}

/**
 * Follows declarations: all of one's own from now on, from `resume` (`beginning`: from the first), or, with `name`, one
 * declaration with its history.
 */
export function watch(window: Window, { name = "", resume = "" } = {}): Following<WatchResponse, string> {
  const { watch } = DeclarationService.method;
  return new Following<WatchResponse, string, WatchResponse>(window, resume, {
    open: (resumeToken) => window.stream(watch, { resumeToken, name }),
    take: (token, news) => [news.resumeToken || token, news.name ? news : undefined],
  }) as Following<WatchResponse, string>;
}

/** Follows the receipts of an exchange number (dxpId) after a position. */
export function receipts(window: Window, dxpId: string, after = 0n): Following<OutgoingMessage, bigint> {
  const { followReceipts } = CebService.method;
  const newest = (...positions: bigint[]) => positions.reduce((one, other) => (one > other ? one : other));
  return new Following<OutgoingMessage, bigint, FollowReceiptsResponse>(window, after, {
    open: (position) => window.stream(followReceipts, { dxpId, after: position }),
    take: (position, news) => [newest(position, news.position, news.message?.position ?? 0n), news.message],
  }) as Following<OutgoingMessage, bigint>;
}
