/** A server on the loopback that answers as a test says: what is tested is the client with its real transport. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyPack, DurationSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  LocalizedMessageSchema,
  RetryInfoSchema,
} from "../src/gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../src/gen/google/rpc/status_pb.js";
import { Window } from "../src/window.js";

/** A certificate of its own for localhost. */
function certificate(): { key: Buffer; certificate: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "sw-client-"));
  const [keyFile, certificateFile] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"];
  const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", ...subject];
  execFileSync("openssl", [...made, "-keyout", keyFile, "-out", certificateFile], { stdio: "ignore" });
  const read = { key: readFileSync(keyFile), certificate: readFileSync(certificateFile) };
  rmSync(folder, { recursive: true });
  return read;
}

const OWN = certificate();

export interface Served extends AsyncDisposable {
  readonly window: Window;
}

/** Serves calls by their path, and gives a window that is connected to it. */
export async function serve(calls: Record<string, { streams: "none" | "answers" | "both"; handle: unknown }>): Promise<Served> {
  const server = new grpc.Server();
  for (const [path, { streams, handle }] of Object.entries(calls)) {
    const bytes = (value: Buffer) => value;
    const definition = {
      path,
      requestStream: streams === "both",
      responseStream: streams !== "none",
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    server.addService({ call: definition }, { call: handle as grpc.UntypedHandleCall });
  }
  const transport = grpc.ServerCredentials.createSsl(null, [{ private_key: OWN.key, cert_chain: OWN.certificate }]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("localhost:0", transport, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const window = new Window(`localhost:${port}`, { authority: OWN.certificate, apiKey: "swk_x" });
  return {
    window,
    async [Symbol.asyncDispose]() {
      window.close();
      server.forceShutdown();
    },
  };
}

/** What a call ends with. */
export function status(code: grpc.status, details: MessageInitShape<typeof StatusSchema>["details"] = []): object {
  const error = Object.assign(new Error("said"), { code, details: "said", metadata: new grpc.Metadata() });
  if (details.length > 0) {
    error.metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, create(StatusSchema, { details }))));
  }
  return error;
}

/** A refusal as the window tells it. */
export function refused(code: grpc.status, retryAfter?: number): object {
  const localizedMessage = create(LocalizedMessageSchema, { locale: "zh-CN", message: "监管方式必填" });
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: "SW-1001", metadata: { existing: "declarations/x" } })),
    anyPack(
      BadRequestSchema,
      create(BadRequestSchema, {
        fieldViolations: [
          { field: "declaration.trade_mode", description: "[SW-2001] trade_mode is required", localizedMessage },
        ],
      }),
    ),
    anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale: "en", message: "rules are broken" })),
    anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale: "zh-CN", message: "申报数据不符合规则" })),
  ];
  if (retryAfter !== undefined) {
    const retryDelay = create(DurationSchema, { nanos: retryAfter * 1e6 });
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return status(code, details);
}
