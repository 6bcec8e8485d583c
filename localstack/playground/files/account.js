// Shows the account: what was sent is scored, failed, a dead letter or still in flight. Nothing else.
import { make, number, write } from "../page/boxes.js";
import { stream } from "../page/main.js";
import { ENDS, byId, set } from "./shared.js";

const PARTS = { ...ENDS, in_flight: "in flight" };
const NAMES = Object.keys(PARTS);
const values = {};

for (const [name, label] of Object.entries({ sent: "sent", ...PARTS, lost: "lost", doubled: "doubled" })) {
  values[name] = set(make("dd", "", "–"), { "data-account": name });
  byId("equation").append(make("div", name, make("dt", "", `${label} `), values[name]));
}
byId("shares").append(...NAMES.map((name) => make("i", name)));
stream.on("account", show);

function show(account) {
  const { sent, lost, doubled } = account;
  for (const [name, value] of Object.entries(values)) write(value, number(account[name]));
  NAMES.forEach((name, place) => (byId("shares").children[place].style.flexGrow = account[name]));
  const sum = NAMES.reduce((total, name) => total + account[name], lost);
  const wrong = { "the sum is wrong": sum !== sent, "photos were lost": lost, "results were published twice": doubled };
  const said = Object.keys(wrong).filter((one) => wrong[one]).join(", ");
  byId("verdict").dataset.verdict = byId("brief").dataset.verdict = said ? "bad" : "ok";
  write(byId("verdict"), said ? `Not right: ${said}.` : "Nothing lost, nothing doubled: the account is right.");
  write(byId("brief"), `${number(sent)} sent, ${lost} lost, ${doubled} doubled`);
}
