/** What a caller is told instead of an answer. */
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status as grpcStatus } from "@grpc/grpc-js";

import {
  type BadRequest_FieldViolation,
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.js";

/** Anything that this package throws. */
export class WindowError extends Error {
  override name = "WindowError";
}

/** There is no connection to the window; says why in words. */
export class Unreachable extends WindowError {
  override name = "Unreachable";

  constructor(
    readonly address: string,
    readonly why: string,
  ) {
    super(`the window at ${address} cannot be reached: ${why}`);
  }
}

/** A rule that was broken. */
export interface Violation {
  /** Our code, for example SW-2001. */
  readonly code: string;
  /** Path in the request, for example `declaration.lines[2].gcode`. */
  readonly field: string;
  /** In English. */
  readonly text: string;
  /** In Chinese. */
  readonly textZh: string;
  /** Page of the code. */
  readonly link: string;
  /** Customs' own code for the same fault; empty when none is known. */
  readonly customsCode: string;
}

interface Said {
  /** A code of gRPC. */
  readonly grpcCode: number;
  /** Our code, for example SW-1001; empty when something in between answered. */
  readonly code: string;
  /** In English. */
  readonly title: string;
  /** In Chinese. */
  readonly titleZh: string;
  /** Page of the code. */
  readonly link: string;
  readonly violations: readonly Violation[];
  /** Data that belongs to the code, for example the existing resource. */
  readonly data: Readonly<Record<string, string>>;
  /** Milliseconds to wait at least before repeating. */
  readonly retryAfter: number | undefined;
}

export interface Refusal extends Said {}

/** A "no" of the window, with every broken rule. Its message is for people, `code` for programs. */
export class Refusal extends WindowError {
  override name = "Refusal";

  constructor(said: Partial<Said> & Pick<Said, "grpcCode" | "title">) {
    const whole: Said = {
      code: "",
      titleZh: said.title,
      link: "",
      violations: [],
      data: {},
      retryAfter: undefined,
      ...said,
    };
    super(explained(whole, false));
    Object.assign(this, whole);
  }

  /** All of it as lines, in English or (`zh`) Chinese. */
  explain(language: "en" | "zh" = "en"): string {
    return explained(this, language === "zh");
  }
}

function explained(said: Said, chinese: boolean): string {
  const title = chinese ? said.titleZh : said.title;
  const lines = [`${said.code || (grpcStatus[said.grpcCode] ?? said.grpcCode)}: ${title}`];
  for (const [name, value] of Object.entries(said.data).sort()) lines.push(`  ${name}: ${value}`);
  for (const broken of said.violations) {
    lines.push(`  ${broken.field}: [${broken.code}] ${chinese ? broken.textZh : broken.text}`);
  }
  if (said.link) lines.push(`  ${chinese ? "见" : "see"} ${said.link}`);
  return lines.join("\n");
}

/** The page of a code, which the window shows to everybody. */
function link(address: string, code: string): string {
  return code ? `https://${address}/errors/${code}` : "";
}

/** A refusal inside a stream; those of national messages have no violations. */
interface Item {
  readonly grpcCode: number;
  readonly code: string;
  readonly message: string;
  readonly messageZh: string;
  readonly violations?: readonly Omit<Violation, "link">[];
  readonly metadata?: Record<string, string>;
}

export function ofItem(item: Item, address: string): Refusal {
  return new Refusal({
    grpcCode: item.grpcCode,
    code: item.code,
    title: item.message,
    titleZh: item.messageZh,
    link: link(address, item.code),
    violations: (item.violations ?? []).map(({ code, field, text, textZh, customsCode }) => {
      return { code, field, text, textZh, customsCode, link: link(address, code) };
    }),
    data: { ...item.metadata },
  });
}

/** A status. One that the window did not make has no code of ours. */
export function ofError(error: unknown, address: string): Refusal {
  if (error instanceof Refusal) return error;
  if (!isServiceError(error)) throw error;
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const said = error.details || error.message;
  if (!(bytes instanceof Uint8Array)) return new Refusal({ grpcCode: error.code, title: said });
  return ofStatus(error.code, said, fromBinary(StatusSchema, bytes), address);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}

function ofStatus(grpcCode: number, said: string, status: Status, address: string): Refusal {
  let code = "";
  let data: Record<string, string> = {};
  let violations: Violation[] = [];
  let retryAfter: number | undefined;
  const titles = new Map<string, string>();
  for (const detail of status.details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info) [code, data] = [info.reason, { ...info.metadata }];
    const bad = anyUnpack(detail, BadRequestSchema);
    if (bad) violations = bad.fieldViolations.map((broken) => ofField(broken, address));
    const delay = anyUnpack(detail, RetryInfoSchema)?.retryDelay;
    if (delay) retryAfter = Number(delay.seconds) * 1_000 + delay.nanos / 1e6;
    const localized = anyUnpack(detail, LocalizedMessageSchema);
    const locale = localized?.locale.slice(0, 2);
    if (localized && locale && !titles.has(locale)) titles.set(locale, localized.message);
  }
  const title = titles.get("en") ?? said;
  const titleZh = titles.get("zh") ?? title;
  return new Refusal({ grpcCode, code, title, titleZh, link: link(address, code), violations, data, retryAfter });
}

function ofField(broken: BadRequest_FieldViolation, address: string): Violation {
  // `[SW-2001] text`; what a program needs of it stands in fields of its own.
  const [, code = "", said = broken.description] = /^\[([^\]]+)\] (.*)$/s.exec(broken.description) ?? [];
  const other = broken.localizedMessage;
  const text = other?.locale.startsWith("en") ? other.message : said;
  const textZh = other?.locale.startsWith("zh") ? other.message : said;
  return { code, field: broken.field, text, textZh, customsCode: "", link: link(address, code) };
}
