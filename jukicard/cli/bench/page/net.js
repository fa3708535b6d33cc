// The way to the server: what it tells, and what it is asked to do.

// Calls on.<event>(data) for every event; on.connected(true or false) when that changes; on.ended().
export function listen(on) {
  const source = new EventSource("events");
  for (const name of ["hello", "bench", "card", "rows"]) {
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
    if (source.readyState === EventSource.CLOSED) on.ended();
  };
  return source;
}

// Asks for an action; returns what came of it. An Error has the server's words.
export async function act(request) {
  const answer = await fetch("do", {
    method: "POST",
    credentials: "omit",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  let said = {};
  try {
    said = await answer.json();
  } catch {
    throw new Error(`${answer.status}`);
  }
  if (!answer.ok) throw new Error(said.problem ?? `${answer.status}`);
  return said.done;
}
