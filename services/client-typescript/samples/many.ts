/**
 * Files many declarations over one stream, and says how each one went.
 *
 *     node dist/samples/many.js < FILE
 *
 * FILE has a line of JSON for each: {"requestId": "…", "declaration": {…}}. The window may die meanwhile: what it has not
 * answered is sent again. Start the sample again with the same file, and nothing is filed twice.
 */
import { fromJsonString } from "@bufbuild/protobuf";
import { createInterface } from "node:readline";
import { submitAll, Window } from "single-window";
import { type SubmitRequest, SubmitRequestSchema } from "single-window/declaration";

async function* requests(): AsyncGenerator<SubmitRequest> {
  for await (const line of createInterface({ input: process.stdin })) yield fromJsonString(SubmitRequestSchema, line);
}

const window = Window.sandbox("enterprise-a");
let refused = 0;
// snippet: many
for await (const answer of submitAll(window, requests())) {
  if (answer.receipt) {
    console.log(answer.requestId, "filed", answer.receipt.name);
  } else {
    console.log(answer.requestId, "refused", answer.refusal?.message);
    refused += 1;
  }
}
// end
window.close();
process.exitCode = refused > 0 ? 1 : 0;
