/**
 * Client of the cross-border e-commerce single window.
 *
 * What it promises: a change is repeated only with the same request id; a watch, a reader of receipts and a consumer of
 * the exchange go on where they stopped; a refusal of the window is never hidden.
 */
import { fromJsonString } from "@bufbuild/protobuf";

import { type Declaration, DeclarationSchema } from "./gen/single_window/trade/v1/declaration_pb.js";

export { Consumer, type AnswerInit, type ConsumerConfig, requestId } from "./consume.js";
export { Following, receipts, type Update, watch } from "./follow.js";
export { Refusal, Unreachable, type Violation, WindowError } from "./refusal.js";
export { type Answer, type Submission, submitAll } from "./submit.js";
export { verifyWebhook, WebhookVerificationError } from "./webhook.js";
export { type CallOptions, type Identity, type Pem, Window, type WindowConfig } from "./window.js";

/** Reads the JSON form of a declaration, as in docs/examples; an unknown field is an error. */
export function declarationFromJson(text: string): Declaration {
  return fromJsonString(DeclarationSchema, text);
}
