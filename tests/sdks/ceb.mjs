// The same as ceb.py by the client for TypeScript:
//
//     node tests/sdks/ceb.mjs FILE DXPID
import { readFileSync } from "node:fs";
import { receipts, Window } from "../../services/client-typescript/dist/src/index.js";

const [file, number] = process.argv.slice(2);
const window = Window.sandbox("agent");
const broken = await window.sendCeb(Buffer.from("<nothing/>"));
console.log("broken", broken.messageType, broken.faults.length > 0);
const sent = await window.sendCeb(readFileSync(file));
const said = sent.messages.flatMap((message) => message.receipts.map((receipt) => receipt.returnStatus));
console.log("sent", sent.messageType, ...said);
const following = receipts(window, number);
let left = said.length;
follow: for await (const message of following) {
  for (const receipt of message.receipts) {
    console.log("receipt", String(message.position), message.messageType, receipt.returnStatus);
    left -= 1;
    if (left === 0) break follow;
  }
}
console.log("resume", String(following.resume));
following.close();
window.close();
