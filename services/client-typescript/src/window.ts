/** Where the window is, and who calls. */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  Client,
  credentials,
  Metadata,
  status,
} from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { CebService, type SendResponse } from "./gen/single_window/ceb/v1/ceb_service_pb.js";
import {
  type DeclarationRecord,
  DeclarationService,
  type SubmitResponse,
} from "./gen/single_window/declaration/v1/declaration_service_pb.js";
import { StatusService } from "./gen/single_window/status/v1/status_service_pb.js";
import { type DeclarationSchema } from "./gen/single_window/trade/v1/declaration_pb.js";
import { ofError, Refusal, Unreachable, WindowError } from "./refusal.js";
import { isWorthRepeating, pauses, wait } from "./retry.js";

/** PEM: the bytes themselves, or the path of the file that they are in. */
export type Pem = Uint8Array | string;

/** Who calls. */
export type Identity = { readonly certificate: Pem; readonly key: Pem } | { readonly apiKey: string };

export type WindowConfig = Identity & {
  /** Signed the window's certificate; without it those count that the system trusts. */
  readonly authority?: Pem;
};

export interface CallOptions {
  /** Milliseconds that it takes with its repetitions at most. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
}

/** Milliseconds that the window takes for an answer at most. */
const ATTEMPT = 30_000;
const DEADLINE = 60_000;

/** What the library says, and what it means. */
const OBSTACLES: readonly (readonly [RegExp, string])[] = [
  [/unable to verify|self.signed certificate/i, "the window's certificate is from an authority that you do not trust"],
  [/certificate expired/i, "the window says that your certificate has expired"],
  [/alert (unknown ca|certificate unknown)/i, "the window does not trust the authority of your certificate"],
  [/ECONNREFUSED/, "nobody listens there; is the window running?"],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, "there is no machine of this name"],
];

const OPTIONS: ClientOptions = {
  // Frames of the exchange and pages of a thousand.
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // A window that was restarted is back within seconds.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // Repeating is ours: the library knows neither request ids nor our law.
  "grpc.enable_retries": 0,
};

/** A connection to a window, made with the first call; it reconnects by itself. */
export class Window implements Disposable {
  readonly #client: Client;

  /** `address` is host:port. */
  constructor(
    readonly address: string,
    config: WindowConfig,
  ) {
    const authority = config.authority === undefined ? null : pem(config.authority);
    let transport;
    if ("apiKey" in config) {
      const who = credentials.createFromMetadataGenerator((_, done) => {
        const metadata = new Metadata();
        metadata.set("authorization", `Bearer ${config.apiKey.trim()}`);
        done(null, metadata);
      });
      transport = credentials.combineChannelCredentials(credentials.createSsl(authority), who);
    } else {
      transport = credentials.createSsl(authority, pem(config.key), pem(config.certificate));
    }
    this.#client = new Client(address, transport, OPTIONS);
  }

  /** The sandbox on this machine, as one of its callers: by its certificate, or by its API key. */
  static sandbox(caller = "agent", { dataDir = defaultDataDir(), withKey = false } = {}): Window {
    const read = (file: string) => readFileSync(join(dataDir, file));
    try {
      const address = read("address").toString().trim();
      const authority = read("identities/authority.pem");
      if (withKey) return new Window(address, { authority, apiKey: read(`identities/${caller}.api-key`).toString() });
      const [certificate, key] = [read(`identities/${caller}.pem`), read(`identities/${caller}.key`)];
      return new Window(address, { authority, certificate, key });
    } catch (error) {
      throw new WindowError(
        `no sandbox with the caller ${caller} was started in ${dataDir} (${String(error)}); start one with ` +
          "`single-window sandbox`, or say where its data is (dataDir, SW_DATA_DIR)",
      );
    }
  }

  /**
   * Asks once who is there, and says in words when nobody is: throws {@link Unreachable}, or {@link Refusal} when the
   * window does not know the caller.
   */
  async check(): Promise<void> {
    try {
      await this.#once(StatusService.method.getStatus, create(StatusService.method.getStatus.input), 10_000);
    } catch (error) {
      const refusal = ofError(error, this.address);
      if (refusal.code || refusal.grpcCode !== status.UNAVAILABLE) throw refusal;
      throw new Unreachable(this.address, explain(refusal.title));
    }
  }

  /**
   * Calls, and repeats while that can help, for `deadline` milliseconds at most. A request that changes something gets
   * a request id when it has none, and keeps it over repetitions. Throws {@link Refusal}.
   */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    init: MessageInitShape<I>,
    { deadline = DEADLINE, signal }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const request = identified(method.input, create(method.input, init));
    const until = Date.now() + deadline;
    const pause = pauses();
    for (;;) {
      try {
        return await this.#once(method, request, Math.min(ATTEMPT, Math.max(until - Date.now(), 1)), signal);
      } catch (error) {
        const refusal = ofError(error, this.address);
        const next = isWorthRepeating(refusal.grpcCode) && !signal?.aborted ? pause.next().value : undefined;
        if (next === undefined) throw refusal;
        const least = Math.max(next, refusal.retryAfter ?? 0);
        if (Date.now() + least >= until) throw refusal;
        await wait(least, signal);
      }
    }
  }

  /**
   * Files one declaration; the answer says that it is durable. Keep your own `requestId` with your document, and a
   * repetition by another process is the same request, too.
   */
  submit(declaration: MessageInitShape<typeof DeclarationSchema>, requestId = ""): Promise<SubmitResponse> {
    return this.call(DeclarationService.method.submit, { requestId, declaration });
  }

  /** The declaration with this name, or with this number: order number, preNo, invtNo, any other. */
  async get(number: string): Promise<DeclarationRecord> {
    const request = number.startsWith("declarations/") ? { name: number } : { number };
    const { record, candidates } = await this.call(DeclarationService.method.get, request);
    if (record) return record;
    const names = candidates.map((candidate) => candidate.name).join(", ");
    throw new WindowError(`several declarations have the number ${number}: ${names}`);
  }

  /**
   * Sends a national message, or an envelope of several; the answer has the first receipts. It needs no request id: the
   * window knows a document by its business key and guid.
   */
  sendCeb(message: Uint8Array): Promise<SendResponse> {
    return this.call(CebService.method.send, { message });
  }

  /** Opens a stream of answers, without any law of repetition. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    init: MessageInitShape<I>,
  ): ClientReadableStream<MessageShape<O>> {
    const { path, write, read } = wire<I, O>(method);
    const call = this.#client.makeServerStreamRequest(path, write, read, create(method.input, init));
    return heard(call);
  }

  /** Opens a stream in both directions, without any law of repetition. */
  duplex<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
  ): ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
    const { path, write, read } = wire<I, O>(method);
    return heard(this.#client.makeBidiStreamRequest(path, write, read));
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #once<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<MessageShape<O>> {
    const { path, write, read } = wire<I, O>(method);
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + timeout };
      const call = this.#client.makeUnaryRequest(path, write, read, request, new Metadata(), options, (error, answer) => {
        signal?.removeEventListener("abort", cancel);
        if (error) reject(error);
        else resolve(answer as MessageShape<O>);
      });
      const cancel = () => call.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
      if (signal?.aborted) cancel();
    });
  }
}

function wire<I extends DescMessage, O extends DescMessage>(method: DescMethod) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    write: (message: MessageShape<I>) => Buffer.from(toBinary(method.input as I, message)),
    read: (bytes: Buffer) => fromBinary(method.output as O, bytes),
  };
}

/** Who iterates a call is told its error; without a listener it would end the process as well. */
function heard<S extends { on(event: "error", listener: () => void): unknown }>(call: S): S {
  call.on("error", () => {});
  return call;
}

function pem(given: Pem): Buffer {
  return typeof given === "string" ? readFileSync(given) : Buffer.from(given);
}

function identified<I extends DescMessage>(schema: I, request: MessageShape<I>): MessageShape<I> {
  const isNeeded = schema.fields.some((field) => field.name === "request_id");
  const named = request as { requestId?: string };
  if (isNeeded && !named.requestId) named.requestId = randomUUID();
  return request;
}

function explain(said: string): string {
  const meaning = OBSTACLES.find(([mark]) => mark.test(said))?.[1];
  return meaning ? `${meaning} (${said})` : said;
}

/** Where the sandbox keeps its data unless told otherwise. */
function defaultDataDir(): string {
  const { SW_DATA_DIR, XDG_DATA_HOME } = process.env;
  if (SW_DATA_DIR) return SW_DATA_DIR;
  if (process.geteuid?.() === 0) return "/var/lib/single-window";
  return join(XDG_DATA_HOME || join(homedir(), ".local/share"), "single-window");
}
