/** Filing many declarations over one stream, going on after a cut. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ClientDuplexStream, status } from "@grpc/grpc-js";

import {
  DeclarationService,
  type SubmitRequest,
  SubmitRequestSchema,
  type SubmitResponse,
  type SubmitStreamRequest,
  SubmitStreamRequestSchema,
  type SubmitStreamResponse,
} from "./gen/single_window/declaration/v1/declaration_service_pb.js";
import { ofError, ofItem, Refusal, WindowError } from "./refusal.js";
import { isWorthRepeating, pauses, wait } from "./retry.js";
import { type Window } from "./window.js";

/** Items that are on their way at once. No more are held, however many there are. */
const IN_FLIGHT = 512;

/** How one of many went: a receipt, or why not. */
export interface Answer {
  /** Which item, from 0. */
  readonly place: number;
  readonly requestId: string;
  readonly receipt: SubmitResponse | undefined;
  readonly refusal: Refusal | undefined;
}

/** Each with a `requestId` that you store with your document before. */
export type Submission = MessageInitShape<typeof SubmitRequestSchema>;

/**
 * Files all items, each with its own answer, in their order. After a cut the unanswered ones are sent again with their
 * request ids. Items are read as the window answers. What the window could not take now is repeated and answered later.
 * Throws {@link Refusal} when the stream ended and repeating did not help.
 */
export async function* submitAll(
  window: Window,
  items: Iterable<Submission> | AsyncIterable<Submission>,
): AsyncGenerator<Answer, void, undefined> {
  const queue = new Items(items);
  let pause = pauses();
  try {
    while (queue.hasMore()) {
      const before = queue.progress;
      let refusal: Refusal | undefined;
      try {
        yield* attempt(window, queue);
        const title = "the window could not take everything now";
        if (queue.hasMore()) refusal = new Refusal({ grpcCode: status.UNAVAILABLE, title });
      } catch (error) {
        refusal = ofError(error, window.address);
      }
      if (queue.progress !== before) pause = pauses();
      if (!refusal) continue;
      const next = isWorthRepeating(refusal.grpcCode) ? pause.next().value : undefined;
      if (next === undefined) throw refusal;
      await wait(Math.max(next, refusal.retryAfter ?? 0));
    }
  } finally {
    queue.close();
  }
}

interface Item {
  readonly place: number;
  readonly request: SubmitRequest;
}

/** What is to be filed: what still comes, and what was taken and has no answer. */
class Items {
  readonly waiting: Item[] = [];
  /** What could not be taken now: no more is sent before it was repeated. */
  busy: Item[] = [];
  /** How many of those that wait are sent on this connection. */
  sent = 0;
  /** Grows with everything that is answered for good. */
  progress = 0;
  ended = false;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;
  #listeners: (() => void)[] = [];

  constructor(items: Iterable<Submission> | AsyncIterable<Submission>) {
    void this.#take(items);
  }

  async #take(items: Iterable<Submission> | AsyncIterable<Submission>): Promise<void> {
    let place = 0;
    try {
      for await (const item of items) {
        while (this.waiting.length >= IN_FLIGHT && !this.#closed) await this.change();
        if (this.#closed) return;
        if (!item.requestId) {
          throw new WindowError("each of many has its own requestId: make it, and store it with your document");
        }
        this.waiting.push({ place, request: create(SubmitRequestSchema, item) });
        place += 1;
        this.changed();
      }
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.ended = true;
      this.changed();
    }
  }

  hasMore(): boolean {
    if (this.#failure) throw this.#failure.error;
    return this.waiting.length > 0 || !this.ended;
  }

  change(): Promise<void> {
    return new Promise((resolve) => this.#listeners.push(resolve));
  }

  changed(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }

  close(): void {
    this.#closed = true;
    this.changed();
  }
}

/**
 * One stream, as far as it goes. What was answered is taken off the front; what the window could not take now is put
 * back at the end, for after a pause.
 */
async function* attempt(window: Window, queue: Items): AsyncGenerator<Answer, void, undefined> {
  queue.sent = 0;
  const call = window.duplex(DeclarationService.method.submitStream);
  const over = { over: false };
  const sending = send(call, queue, over);
  try {
    for await (const answer of call as AsyncIterable<SubmitStreamResponse>) {
      const item = queue.waiting.shift();
      if (!item) break;
      queue.sent -= 1;
      const { result } = answer;
      if (result.case === "refusal" && isWorthRepeating(result.value.grpcCode)) {
        queue.busy.push(item);
        queue.changed();
        continue;
      }
      queue.progress += 1;
      queue.changed();
      yield {
        place: item.place,
        requestId: answer.requestId,
        receipt: result.case === "receipt" ? result.value : undefined,
        refusal: result.case === "refusal" ? ofItem(result.value, window.address) : undefined,
      };
    }
  } finally {
    over.over = true;
    queue.changed();
    call.cancel();
    await sending;
    queue.waiting.push(...queue.busy.splice(0));
  }
}

/** Sends what waits. It is bounded by what is unanswered, so nobody waits for the stream. */
async function send(
  call: ClientDuplexStream<SubmitStreamRequest, SubmitStreamResponse>,
  queue: Items,
  attempt: { readonly over: boolean },
): Promise<void> {
  while (!attempt.over) {
    const item = queue.waiting[queue.sent];
    if (item) {
      queue.sent += 1;
      call.write(create(SubmitStreamRequestSchema, { item: item.request }));
    } else if (queue.ended || queue.busy.length > 0) {
      // Closing our side lets the window end the stream when all is answered.
      call.end();
      return;
    } else {
      await queue.change();
    }
  }
}
