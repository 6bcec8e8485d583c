// Asks the page's server, and says in words what did not work.
import { make } from "../page/boxes.js";
import { byId } from "./shared.js";

const MOST = 4; // sentences shown

// The answer's JSON. What did not work is shown beside `what` was wanted, and undefined returned.
export async function ask(path, { body, method = "POST", what } = {}) {
  try {
    return await answer(await fetch(path, { method, body }));
  } catch (error) {
    complain(what, error instanceof TypeError ? "The server of this page does not answer." : error.message);
  }
}

async function answer(response) {
  const said = await response.json().catch(() => ({}));
  if (response.ok) return said;
  throw new Error(said.error ?? `The server of this page answers ${response.status}.`);
}

export function complain(what, sentence) {
  const list = byId("errors");
  list.append(make("p", "", make("b", "", what), ": ", make("bdi", "", sentence)));
  while (list.children.length > MOST) list.firstChild.remove();
  list.parentElement.hidden = false;
}

byId("hide-errors").addEventListener("click", () => {
  byId("errors").replaceChildren();
  byId("errors-part").hidden = true;
});
