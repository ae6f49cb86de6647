/**
 * An agency's consumer: connects, takes events in order, answers, acknowledges, and resumes after a cut.
 *
 * An event is acknowledged after every answer to it was taken by the window. So nothing is lost when the consumer dies:
 * what was not answered is delivered again, and answers carry request ids that are the same the second time.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ClientDuplexStream, status } from "@grpc/grpc-js";
import { createHash } from "node:crypto";

import {
  type Answer,
  AnswerSchema,
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
  type Event,
  ExchangeService,
  type OpenSchema,
  PaymentExchangeService,
  type Result,
  ResultCode,
  Subscriber,
} from "./gen/single_window/exchange/v1/exchange_service_pb.js";
import { ofError } from "./refusal.js";
import { pauses, wait } from "./retry.js";
import { type Window } from "./window.js";

/** Pause before an answer that the window could not decide is sent again. */
const RETRY = 200;
/** How long the window may take to say goodbye. */
const GOODBYE = 2_000;
/** Answers in one frame. */
const ANSWERS_MAX = 1_000;
/** How often an answer over which the window failed is said. */
const TRIES_MAX = 4;
/** The code of such a failure. */
const FAILED = "SW-1901";
/** Connecting again does not help against these. */
const FINAL: ReadonlySet<number> = new Set([
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
]);

export type AnswerInit = MessageInitShape<typeof AnswerSchema>;

export interface ConsumerConfig extends Pick<MessageInitShape<typeof OpenSchema>, "topics" | "withoutContent"> {
  readonly subscriber: Subscriber;
  /** Name of this consumer, unique among those of the subscriber. Several with names of their own share the work. */
  readonly name: string;
  /**
   * Takes an event and says what to answer; nothing is an answer too. What it says must be the same, with the same
   * request ids ({@link requestId}), when the event comes again. When it throws, the event is not acknowledged, and the
   * error ends {@link Consumer.serve}.
   */
  handle(event: Event): Iterable<AnswerInit> | Promise<Iterable<AnswerInit>>;
  /** Hears what became of an answer. */
  result?(result: Result): void;
}

/** A consumer of an agency. */
export class Consumer {
  readonly #window: Window;
  readonly #config: ConsumerConfig;
  readonly #stopped = new AbortController();
  /** What belongs to no event and is not yet answered. It outlives a connection. */
  readonly #said = new Map<string, Answer>();
  #session: Session | undefined;

  constructor(window: Window, config: ConsumerConfig) {
    this.#window = window;
    this.#config = config;
  }

  /** Says what belongs to no event of this connection; it is said until it is answered. */
  say(init: AnswerInit): void {
    const answer = create(AnswerSchema, init);
    this.#said.set(answer.requestId, answer);
    this.#session?.say(answer);
  }

  /** Ends {@link serve} after what is under way was answered. */
  stop(): void {
    this.#stopped.abort();
    this.#session?.leave();
  }

  /** Consumes until {@link stop}, connecting again by itself. Throws when connecting again cannot help. */
  async serve(): Promise<void> {
    const { signal } = this.#stopped;
    let pause = pauses(Infinity);
    while (!signal.aborted) {
      const session = new Session(this.#window, this.#config, this.#said);
      this.#session = session;
      try {
        await session.serve();
      } catch (error) {
        const refusal = ofError(error, this.#window.address);
        if (FINAL.has(refusal.grpcCode)) throw refusal;
      } finally {
        this.#session = undefined;
      }
      if (session.opened) pause = pauses(Infinity);
      await wait(pause.next().value ?? 0, signal);
    }
  }
}

/** The same UUID for the same parts, such as agency, declaration, version, round and outcome. */
export function requestId(...parts: readonly (string | number | bigint)[]): string {
  const bytes = createHash("sha1").update("single-window/").update(parts.join("/")).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

interface Reply {
  readonly answer: Answer;
  /** Events that wait for it. */
  readonly events: Set<Waiting>;
}

interface Waiting {
  readonly slot: number;
  readonly position: bigint;
  readonly answers: Set<string>;
}

/** One connection. Everything in it is made anew by redelivery after a cut. */
class Session {
  opened = false;
  readonly #config: ConsumerConfig;
  readonly #said: Map<string, Answer>;
  readonly #call: ClientDuplexStream<ConnectRequest, ConnectResponse>;
  readonly #replies = new Map<string, Reply>();
  readonly #failed = new Map<string, number>();
  readonly #later = new Set<NodeJS.Timeout>();
  /** Events in their order, by slot. */
  readonly #open = new Map<number, Map<bigint, Waiting>>();
  #epoch = 0n;
  #goodbye: NodeJS.Timeout | undefined;

  constructor(window: Window, config: ConsumerConfig, said: Map<string, Answer>) {
    this.#config = config;
    this.#said = said;
    const { connect } = (config.subscriber === Subscriber.BANK ? PaymentExchangeService : ExchangeService).method;
    this.#call = window.duplex(connect);
  }

  async serve(): Promise<void> {
    const { subscriber, name: consumer, topics = [], withoutContent = false } = this.#config;
    this.#write({ frame: { case: "open", value: { subscriber, consumer, topics, withoutContent } } });
    try {
      for await (const { frame } of this.#call as AsyncIterable<ConnectResponse>) {
        if (frame.case === "goAway") return;
        if (frame.case === "opened") this.#opened(frame.value.epoch);
        if (frame.case === "batch") await this.#take(frame.value.events);
        if (frame.case === "results") for (const result of frame.value.results) this.#answered(result);
        this.#acknowledge();
      }
    } finally {
      clearTimeout(this.#goodbye);
      for (const timer of this.#later) clearTimeout(timer);
      this.#call.end();
      this.#call.cancel();
    }
  }

  say(answer: Answer): void {
    if (!this.opened) return;
    if (!this.#replies.has(answer.requestId)) this.#replies.set(answer.requestId, { answer, events: new Set() });
    this.#send([answer]);
  }

  /** Closing our side first lets the window keep what was acknowledged and give the slots to others at once. */
  leave(): void {
    this.#call.end();
    this.#goodbye = setTimeout(() => this.#call.cancel(), GOODBYE);
  }

  #opened(epoch: bigint): void {
    this.#epoch = epoch;
    if (this.opened) return;
    this.opened = true;
    for (const answer of this.#said.values()) this.say(answer);
  }

  async #take(events: readonly Event[]): Promise<void> {
    const now: Answer[] = [];
    for (const event of events) {
      const open = this.#open.get(event.slot) ?? new Map<bigint, Waiting>();
      this.#open.set(event.slot, open);
      // It came again while its answers are on their way.
      if (open.has(event.position)) continue;
      const answers = [...(await this.#config.handle(event))].map((init) => create(AnswerSchema, init));
      const { slot, position } = event;
      const waiting = { slot, position, answers: new Set(answers.map((answer) => answer.requestId)) };
      open.set(event.position, waiting);
      for (const answer of answers) {
        const reply = this.#replies.get(answer.requestId) ?? { answer, events: new Set() };
        reply.events.add(waiting);
        this.#replies.set(answer.requestId, reply);
      }
      now.push(...answers);
    }
    this.#send(now);
  }

  #answered(result: Result): void {
    const reply = this.#replies.get(result.requestId);
    this.#config.result?.(result);
    if (reply && result.result === ResultCode.RETRY) {
      if (result.code !== FAILED || !this.#isGivenUp(result.requestId, reply)) {
        const timer = setTimeout(() => {
          this.#later.delete(timer);
          this.#send([reply.answer]);
        }, RETRY);
        this.#later.add(timer);
        return;
      }
      for (const { slot, position } of reply.events) {
        // Set aside for people, so that what comes behind it is acknowledged.
        const reason = `the window failed over the reply ${result.requestId}`;
        this.#write({ frame: { case: "park", value: { position: { slot, position }, reason } } });
      }
    }
    this.#said.delete(result.requestId);
    this.#replies.delete(result.requestId);
    for (const waiting of reply?.events ?? []) waiting.answers.delete(result.requestId);
  }

  /**
   * The window failed over it, and may do so again. What belongs to no event is left to whoever said it; the others
   * have a few tries.
   */
  #isGivenUp(id: string, reply: Reply): boolean {
    const failed = (this.#failed.get(id) ?? 0) + 1;
    this.#failed.set(id, failed);
    return reply.events.size === 0 || failed >= TRIES_MAX;
  }

  /** Moves the acknowledgement of each slot over events that wait for nothing. */
  #acknowledge(): void {
    const positions: { slot: number; position: bigint }[] = [];
    for (const [slot, open] of this.#open) {
      let last: bigint | undefined;
      for (const position of [...open.keys()].sort((one, other) => (one < other ? -1 : 1))) {
        if (open.get(position)!.answers.size > 0) break;
        open.delete(position);
        last = position;
      }
      if (last !== undefined) positions.push({ slot, position: last });
      if (open.size === 0) this.#open.delete(slot);
    }
    if (positions.length === 0) return;
    this.#write({ frame: { case: "ack", value: { positions, epoch: this.#epoch } } });
  }

  #send(answers: readonly Answer[]): void {
    for (let start = 0; start < answers.length; start += ANSWERS_MAX) {
      const part = answers.slice(start, start + ANSWERS_MAX);
      this.#write({ frame: { case: "answers", value: { answers: part } } });
    }
  }

  #write(init: MessageInitShape<typeof ConnectRequestSchema>): void {
    if (!this.#call.writableEnded) this.#call.write(create(ConnectRequestSchema, init));
  }
}
