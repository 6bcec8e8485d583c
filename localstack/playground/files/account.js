// Shows the account: what was sent is scored, failed, a dead letter or still in flight. Nothing else.
import { ENDS, byId, make, write } from "./make.js";

const PARTS = { ...ENDS, in_flight: "in flight" };
const NEVER = { lost: "lost", doubled: "doubled" };
const values = {};

export function showAccount(stream) {
  for (const [name, label] of Object.entries({ sent: "sent", ...PARTS, ...NEVER })) {
    values[name] = make("dd", { data: { account: name } }, "–");
    byId("equation").append(make("div", { className: name }, make("dt", {}, label), values[name]));
  }
  byId("shares").append(...Object.keys(PARTS).map((name) => make("i", { className: name })));
  stream.on("account", show);
}

function show(account) {
  for (const [name, value] of Object.entries(values)) write(value, account[name].toLocaleString("en"));
  const names = Object.keys(PARTS);
  names.forEach((name, place) => (byId("shares").children[place].style.flexGrow = account[name]));
  const sum = account.lost + names.reduce((total, name) => total + account[name], 0);
  const wrong = {
    "the sum is wrong": sum !== account.sent, "photos were lost": account.lost, "results were published twice": account.doubled,
  };
  const said = Object.keys(wrong).filter((one) => wrong[one]).join(", ");
  byId("verdict").dataset.verdict = byId("brief").dataset.verdict = said ? "bad" : "ok";
  write(byId("verdict"), said ? `Not right: ${said}.` : "Nothing lost, nothing doubled: the account is right.");
  write(byId("brief"), `${account.sent.toLocaleString("en")} sent, ${account.lost} lost, ${account.doubled} doubled`);
}
