/**
 * An agency that takes everything into its database and has no objection to it, until Ctrl-C.
 *
 *     node dist/samples/agency.js [customs|quarantine]
 *
 * Start the sandbox without the simulated one: single-window sandbox --no-agencies.
 */
import { type AnswerInit, Consumer, requestId, Window } from "single-window";
import { type Event, Outcome, ResultCode, Subscriber } from "single-window/exchange";

// snippet: agency
const REVIEWED = ["filed", "amended", "inspectionCompleted"];

function* handle(event: Event): Generator<AnswerInit> {
  // Store the event here: it is acknowledged when its answers were taken.
  if (!event.facts?.facts.some((fact) => REVIEWED.includes(fact.kind.case ?? ""))) return;
  const { declarationId, version, round } = event;
  for (const outcome of [Outcome.ACCEPTED, Outcome.CLEARED]) {
    const id = requestId("sample", declarationId, version, round, outcome);
    yield { requestId: id, declarationId, version, round, what: { case: "verdict", value: { outcome } } };
  }
}
// end

const agency = process.argv[2] ?? "customs";
const subscriber = agency === "quarantine" ? Subscriber.QUARANTINE : Subscriber.CUSTOMS;
const window = Window.sandbox(agency);
// snippet: serve
const consumer = new Consumer(window, {
  subscriber,
  name: "sample",
  handle,
  result: ({ requestId, result, message }) => console.log(requestId, ResultCode[result], message),
});
process.once("SIGINT", () => consumer.stop());
await consumer.serve();
// end
window.close();
