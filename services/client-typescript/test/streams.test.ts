/** Streams go on after a cut: nothing is left out, nothing is done twice. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { test } from "node:test";

import { Consumer, requestId } from "../src/consume.js";
import { watch } from "../src/follow.js";
import {
  SubmitStreamRequestSchema,
  SubmitStreamResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../src/gen/single_window/declaration/v1/declaration_service_pb.js";
import {
  type ConnectRequest,
  ConnectRequestSchema,
  ConnectResponseSchema,
  ResultCode,
  Subscriber,
} from "../src/gen/single_window/exchange/v1/exchange_service_pb.js";
import { Refusal } from "../src/refusal.js";
import { type Submission, submitAll } from "../src/submit.js";
import { refused, serve, type Served, status } from "./fakes.js";

const CUT = status(grpc.status.UNAVAILABLE);
const SERVICE = "/single_window.declaration.v1.DeclarationService";

test("a watch resumes by its newest token", async () => {
  const news = (name: string, resumeToken = "") => ({ name, resumeToken });
  const streams = [
    { news: [news("a"), news("b", "1"), news("", "2")], end: CUT },
    { news: [], end: CUT },
    { news: [news("c")], end: refused(grpc.status.PERMISSION_DENIED) },
  ];
  const asked: string[] = [];
  const handle = (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
    asked.push(fromBinary(WatchRequestSchema, call.request).resumeToken);
    const stream = streams[asked.length - 1]!;
    for (const one of stream.news) call.write(Buffer.from(toBinary(WatchResponseSchema, create(WatchResponseSchema, one))));
    call.emit("error", stream.end);
  };
  const served = await serve({ [`${SERVICE}/Watch`]: { streams: "answers", handle } });
  try {
    const following = watch(served.window, { resume: "0" });
    const told: string[] = [];
    await assert.rejects(async () => {
      for await (const update of following.updates()) told.push(update.kind === "entry" ? update.entry.name : update.kind);
    }, Refusal);
    assert.deepEqual(told, ["a", "b", "heartbeat", "lost", "back", "c"]);
    assert.deepEqual(asked, ["0", "2", "2"]);
    assert.equal(following.resume, "2");
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

/** A window that answers so many items of each stream, then cuts it; some are too many at first. */
async function taking(lengths: number[], busy = new Set<string>()): Promise<Served & { streams: string[][] }> {
  const streams: string[][] = [];
  const handle = (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
    const length = lengths.shift();
    const seen: string[] = [];
    streams.push(seen);
    const answer = (init: MessageInitShape<typeof SubmitStreamResponseSchema>) =>
      call.write(Buffer.from(toBinary(SubmitStreamResponseSchema, create(SubmitStreamResponseSchema, init))));
    call.on("data", (bytes: Buffer) => {
      if (seen.length === length) return;
      const id = fromBinary(SubmitStreamRequestSchema, bytes).item?.requestId ?? "";
      seen.push(id);
      if (busy.delete(id)) {
        answer({ requestId: id, result: { case: "refusal", value: { grpcCode: grpc.status.RESOURCE_EXHAUSTED } } });
      } else {
        answer({ requestId: id, result: { case: "receipt", value: { name: `declarations/${id}` } } });
      }
      if (seen.length === length) call.emit("error", CUT);
    });
    call.on("end", () => call.end());
  };
  const served = await serve({ [`${SERVICE}/SubmitStream`]: { streams: "both", handle } });
  return { ...served, streams, [Symbol.asyncDispose]: () => served[Symbol.asyncDispose]() };
}

function* items(count: number): Generator<Submission> {
  for (let number = 0; number < count; number += 1) yield { requestId: String(number) };
}

test("many are answered once over cuts", async () => {
  const served = await taking([3, 1]);
  try {
    const places: number[] = [];
    for await (const { place, requestId, receipt } of submitAll(served.window, items(10))) {
      assert.equal(receipt?.name, `declarations/${requestId}`);
      places.push(place);
    }
    assert.deepEqual(places, [...Array(10).keys()]);
    assert.deepEqual([served.streams[1]?.[0], served.streams[2]?.[0]], ["3", "4"]);
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

test("what could not be taken is repeated", async () => {
  const served = await taking([], new Set(["2"]));
  try {
    const places: number[] = [];
    for await (const { place, refusal } of submitAll(served.window, items(5))) {
      assert.equal(refusal, undefined);
      places.push(place);
    }
    assert.deepEqual(places.sort(), [0, 1, 2, 3, 4]);
    assert.equal(served.streams[1]?.[0], "2");
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

test("what fails in the caller's items is thrown", async () => {
  const served = await taking([]);
  async function* broken(): AsyncGenerator<Submission> {
    yield* items(2);
    throw new RangeError("mine");
  }
  const all = async (given: Iterable<Submission> | AsyncIterable<Submission>) => {
    for await (const _ of submitAll(served.window, given));
  };
  try {
    await assert.rejects(all(broken()), RangeError);
    await assert.rejects(all([{}]), /requestId/);
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

test("events are acknowledged after their answers, over a cut, and parked when the window fails", async () => {
  const frames: ConnectRequest["frame"][] = [];
  const handled: bigint[] = [];
  let connections = 0;
  const handle = (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
    connections += 1;
    const last = connections === 2;
    const tell = (frame: MessageInitShape<typeof ConnectResponseSchema>["frame"]) =>
      call.write(Buffer.from(toBinary(ConnectResponseSchema, create(ConnectResponseSchema, { frame: frame! }))));
    const result = (requestId: string, result: ResultCode, code = "") =>
      tell({ case: "results", value: { results: [{ requestId, result, code }] } });
    let failures = 0;
    call.on("data", (bytes: Buffer) => {
      const { frame } = fromBinary(ConnectRequestSchema, bytes);
      frames.push(frame);
      if (frame.case === "open") {
        tell({ case: "opened", value: { epoch: 9n } });
        tell({ case: "batch", value: { events: [1n, 2n, 3n].map((position) => ({ slot: 1, position })) } });
      }
      if (frame.case !== "answers") return;
      for (const { requestId: id } of frame.value.answers) {
        if (id === "1" && !last) result(id, ResultCode.APPLIED);
        else if (id === "1") result(id, ResultCode.DUPLICATE);
        else if (!last) call.emit("error", CUT);
        else if (failures < 9) {
          failures += 1;
          result(id, ResultCode.RETRY, "SW-1901");
        }
      }
    });
    call.on("end", () => call.end());
  };
  const served = await serve({ "/single_window.exchange.v1.ExchangeService/Connect": { streams: "both", handle } });
  try {
    const consumer = new Consumer(served.window, {
      subscriber: Subscriber.CUSTOMS,
      name: "c",
      handle: ({ position }) => {
        handled.push(position);
        return position === 2n ? [] : [{ requestId: String(position) }];
      },
    });
    const serving = consumer.serve();
    const acks = () => frames.flatMap((frame) => (frame.case === "ack" ? frame.value.positions : []));
    while (!acks().some(({ position }) => position === 3n)) await new Promise((resolve) => setTimeout(resolve, 10));
    consumer.stop();
    await serving;
    assert.deepEqual(handled, [1n, 2n, 3n, 1n, 2n, 3n]);
    const parked = frames.flatMap((frame) => (frame.case === "park" ? [frame.value.position?.position] : []));
    assert.deepEqual(parked, [3n]);
    const said = frames.flatMap((frame) => (frame.case === "answers" ? frame.value.answers : []));
    assert.equal(said.filter((answer) => answer.requestId === "3").length, 1 + 4, "it has a few tries");
    const positions = acks().map(({ position }) => position);
    assert.deepEqual(positions, positions.toSorted(), "in order");
  } finally {
    await served[Symbol.asyncDispose]();
  }
});

test("ids of answers are the same for the same parts", () => {
  assert.equal(requestId("customs", "x", 1), requestId("customs", "x", 1));
  assert.notEqual(requestId("customs", "x", 1), requestId("customs", "x", 2));
  assert.match(requestId("x"), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
