/**
 * Files one declaration and waits for its release.
 *
 *     node dist/samples/basic.js [FILE]
 *
 * FILE is a declaration as JSON, for example docs/examples/import-9610.json.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { declarationFromJson, Refusal, watch, Window } from "single-window";
import { State } from "single-window/trade";

const EXAMPLE = new URL("../../../../docs/examples/import-9610.json", import.meta.url);

// snippet: connect
const window = Window.sandbox("enterprise-a", { withKey: true });
await window.check();
// end
const declaration = declarationFromJson(readFileSync(process.argv[2] ?? EXAMPLE, "utf8"));
// Each run of the sample is an order of its own.
declaration.orderNo = `TS-${randomUUID().slice(-12)}`;
declaration.copNo = declaration.orderNo;
// snippet: submit
const receipt = await window.submit(declaration).catch((refusal: unknown) => {
  if (!(refusal instanceof Refusal)) throw refusal;
  for (const { field, code, text, textZh, link } of refusal.violations) console.log(field, code, text, textZh, link);
  console.log(refusal.message);
  process.exit(1);
});
console.log("filed", receipt.name, receipt.preNo);
// end
// snippet: wait
for await (const news of watch(window, { name: receipt.name })) {
  console.log(State[news.state]);
  if (news.waitsFor.length === 0) break;
}
// end
const { releaseId } = await window.get(declaration.orderNo);
window.close();
process.exitCode = releaseId ? 0 : 1;
