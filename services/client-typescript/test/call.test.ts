/** The law of repetition, and what a refusal tells. */
import { fromBinary, toBinary, create } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  DeclarationService,
  SubmitRequestSchema,
  SubmitResponseSchema,
} from "../src/gen/single_window/declaration/v1/declaration_service_pb.js";
import { ofItem, Refusal, Unreachable } from "../src/refusal.js";
import { pauses, TIMES } from "../src/retry.js";
import { Window } from "../src/window.js";
import { refused, serve, type Served, status } from "./fakes.js";

const { submit } = DeclarationService.method;

/** Ends as it is told, one call after the other; notes request ids. */
async function ending(ends: (object | null)[]): Promise<Served & { ids: string[]; keys: string[] }> {
  const ids: string[] = [];
  const keys: string[] = [];
  const handle = (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
    ids.push(fromBinary(SubmitRequestSchema, call.request).requestId);
    keys.push(String(call.metadata.get("authorization")[0]));
    const end = ends.shift();
    if (end) done(end);
    else done(null, Buffer.from(toBinary(SubmitResponseSchema, create(SubmitResponseSchema, { name: "declarations/x" }))));
  };
  const path = "/single_window.declaration.v1.DeclarationService/Submit";
  const served = await serve({ [path]: { streams: "none", handle } });
  return { ...served, ids, keys, [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
}

test("pauses double up to five seconds, with as much again by chance", () => {
  const all = [...pauses()];
  assert.equal(all.length, TIMES);
  all.forEach((pause, number) => {
    const least = Math.min(50 * 2 ** number, 5_000);
    assert.ok(least <= pause && pause <= 2 * least, `${number}: ${pause}`);
  });
  assert.equal(new Set(all).size, TIMES);
});

test("not now is repeated with the same request id", async () => {
  const { UNAVAILABLE, RESOURCE_EXHAUSTED, CANCELLED, UNKNOWN } = grpc.status;
  const served = await ending([UNAVAILABLE, RESOURCE_EXHAUSTED, CANCELLED, UNKNOWN].map((code) => status(code)));
  try {
    assert.equal((await served.window.submit({})).name, "declarations/x");
    assert.equal(served.ids.length, 5);
    assert.equal(new Set(served.ids).size, 1);
    assert.match(served.ids[0]!, /^[0-9a-f-]{36}$/);
    assert.ok(served.keys.every((key) => key === "Bearer swk_x"));
    await served.window.submit({}, "mine");
    assert.equal(served.ids.at(-1), "mine");
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

test("a no is not repeated, and tells everything in both languages", async () => {
  const served = await ending([refused(grpc.status.INVALID_ARGUMENT)]);
  try {
    const refusal = await served.window.submit({}).catch((error: unknown) => error);
    assert.ok(refusal instanceof Refusal);
    assert.equal(served.ids.length, 1);
    assert.deepEqual([refusal.code, refusal.title, refusal.titleZh], ["SW-1001", "rules are broken", "申报数据不符合规则"]);
    const link = (code: string) => `https://${served.window.address}/errors/${code}`;
    assert.deepEqual(refusal.violations, [
      {
        code: "SW-2001",
        field: "declaration.trade_mode",
        text: "trade_mode is required",
        textZh: "监管方式必填",
        customsCode: "",
        link: link("SW-2001"),
      },
    ]);
    assert.deepEqual(refusal.message.split("\n"), [
      "SW-1001: rules are broken",
      "  existing: declarations/x",
      "  declaration.trade_mode: [SW-2001] trade_mode is required",
      `  see ${link("SW-1001")}`,
    ]);
    assert.match(refusal.explain("zh"), /\[SW-2001\] 监管方式必填/);
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

test("the window says how long to wait at least, and the deadline how long at most", async () => {
  const away = () => refused(grpc.status.UNAVAILABLE, 400);
  const served = await ending([away(), null, away(), away()]);
  try {
    const begun = Date.now();
    await served.window.submit({});
    assert.ok(Date.now() - begun >= 395);
    const then = Date.now();
    const answer = served.window.call(submit, {}, { deadline: 300 });
    await assert.rejects(answer, (refusal) => refusal instanceof Refusal && refusal.code === "SW-1001");
    assert.ok(Date.now() - then < 350, "it does not wait for nothing");
    assert.equal(served.ids.length, 3);
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

test("a refusal of an item tells the same", () => {
  const violation = { code: "SW-2007", field: "f", text: "t", textZh: "z", customsCode: "-304" };
  const item = { grpcCode: 3, code: "SW-1001", message: "m", messageZh: "n", violations: [violation] };
  const refusal = ofItem(item, "window:1");
  assert.deepEqual([refusal.grpcCode, refusal.title, refusal.titleZh], [3, "m", "n"]);
  assert.deepEqual(refusal.violations, [{ ...violation, link: "https://window:1/errors/SW-2007" }]);
});

test("that nobody listens is said in words", async () => {
  const window = new Window("localhost:1", { apiKey: "swk_x" });
  try {
    await assert.rejects(window.check(), (error) => {
      return error instanceof Unreachable && error.why.startsWith("nobody listens there");
    });
  } finally {
    window.close();
  }
});
