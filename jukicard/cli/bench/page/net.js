// The way to the server: what it tells, and what it is asked to do.

import { said as inWords } from "./sentences.js";
import { t } from "./words.js";

// Calls on.<event>(data) for every event; on.connected(true or false) when that changes; on.ended(),
// and on.full() where this server has as many pages as it may have.
export function listen(on) {
  const source = new EventSource("events");
  for (const name of ["hello", "bench", "card", "ledger", "rows"]) {
    source.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
  }
  source.addEventListener("end", () => {
    source.close();
    on.ended();
  });
  source.onopen = () => on.connected(true);
  source.onerror = () => {
    on.connected(false);
    // A server that is gone, or that does not know this page any more, is not asked for ever.
    if (source.readyState === EventSource.CLOSED) refused(on);
  };
  return source;
}

// Tells apart why the server tells this page nothing: whether it still knows the page's link.
async function refused(on) {
  const there = await fetch("./", { method: "HEAD", credentials: "omit" }).catch(() => null);
  if (there?.ok) on.full();
  else on.ended();
}

// Asks for an action; returns what came of it. An Error has words to be shown.
export async function act(request) {
  const answer = await fetch("do", {
    method: "POST",
    credentials: "omit",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  }).catch(() => { throw new Error(t("unreachable")); });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.problem ? inWords(said.problem) : t("undone", answer.status));
  return said.done;
}
