/** Webhooks of the window, by the convention of Standard Webhooks. */
import { Webhook, WebhookVerificationError } from "standardwebhooks";

export { WebhookVerificationError };

/**
 * Checks that a webhook is from the window, and reads it. `body` is what came, byte for byte. Give every secret that
 * counts while you change them. Refused are wrong signatures, and times that differ from now by more than five minutes:
 * so keep `webhook-id` for that long to know a repetition. Throws {@link WebhookVerificationError}.
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  secrets: string | readonly string[],
): unknown {
  const single = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(" ") : (value ?? "")]);
  const flat = Object.fromEntries(single) as Record<string, string>;
  let why: unknown = new WebhookVerificationError("there is no secret to verify it with");
  for (const secret of typeof secrets === "string" ? [secrets] : secrets) {
    try {
      const text = typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
      return new Webhook(secret).verify(text, flat);
    } catch (error) {
      why = error;
    }
  }
  // A header or a body that is none.
  throw why instanceof WebhookVerificationError ? why : new WebhookVerificationError(`not a webhook: ${String(why)}`);
}
