// Shows the account: what was sent is scored, failed, a dead letter or still in flight. Nothing else.
import { ENDS, byId, make, write } from "./make.js";

const PARTS = { ...ENDS, in_flight: "in flight" };
const NEVER = { lost: "lost", doubled: "doubled" };
const values = {};

export function showAccount(stream) {
  for (const [name, label] of Object.entries({ sent: "sent", ...PARTS, ...NEVER })) {
    values[name] = make("dd", { textContent: "–", data: { account: name } });
    byId("equation").append(make("div", { className: name }, make("dt", { textContent: label }), values[name]));
  }
  byId("shares").append(...Object.keys(PARTS).map((name) => make("i", { className: name })));
  stream.on("account", show);
}

function show(account) {
  for (const [name, value] of Object.entries(values)) write(value, account[name].toLocaleString("en"));
  const names = Object.keys(PARTS);
  names.forEach((name, place) => (byId("shares").children[place].style.flexGrow = account[name]));
  const sum = account.lost + names.reduce((total, name) => total + account[name], 0);
  const faults = [
    sum === account.sent ? "" : "the sum is wrong",
    account.lost ? "photos were lost" : "",
    account.doubled ? "results were published twice" : "",
  ].filter(Boolean);
  const isRight = faults.length === 0;
  byId("verdict").dataset.verdict = byId("brief").dataset.verdict = isRight ? "ok" : "bad";
  write(byId("verdict"), isRight ? "Nothing lost, nothing doubled: the account is right." : `Not right: ${faults.join(", ")}.`);
  write(byId("brief"), `${account.sent.toLocaleString("en")} sent, ${account.lost} lost, ${account.doubled} doubled`);
}
