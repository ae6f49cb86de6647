/**
 * Follows what happens to one's declarations, over cuts and restarts of either side.
 *
 *     node dist/samples/follow.js STORE
 *
 * STORE is a file that keeps where to go on. Ends with Ctrl-C.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { watch, Window } from "single-window";
import { State } from "single-window/trade";

const store = process.argv[2] ?? "follow.token";
const kept = () => (existsSync(store) ? readFileSync(store, "utf8") : "beginning");

function keep(token: string): void {
  writeFileSync(`${store}.new`, token);
  renameSync(`${store}.new`, store);
}

const window = Window.sandbox("enterprise-a");
// snippet: follow
const news = watch(window, { resume: kept() });
process.once("SIGINT", () => news.close());
for await (const update of news.updates()) {
  if (update.kind === "entry") console.log(update.entry.name, State[update.entry.state]);
  if (update.kind === "lost" || update.kind === "back") console.error(update.kind);
  // Kept after it was processed: what came with it may come again, and nothing is missed.
  keep(news.resume);
}
// end
window.close();
