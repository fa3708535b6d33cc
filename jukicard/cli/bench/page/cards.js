// The cards: those in slots, those beside them, and the snapshots.

import { button, byId, fill, make } from "./dom.js";
import { t, word } from "./words.js";

// Shows slots, cards beside them and snapshots. `state` has overview and looks, `run(request)` asks
// the server, `hazard(card)` opens the question what is to happen.
export function showBench(state, run, hazard) {
  const { slots, cards, snapshots } = state.overview;
  const inSlots = new Set(slots.map((one) => one.card));
  const outside = cards.filter((one) => !inSlots.has(one.number));
  const parts = { state, run, hazard };
  fill(byId("slots"), slots.map((one) => slot(one, outside, parts)));
  fill(byId("beside"), outside.length
    ? outside.map((one) => card(one, parts)) : [make("p", {}, t("beside.none"))]);
  fill(byId("snapshots"), snapshots.length
    ? snapshots.map((one) => snapshot(one, run)) : [make("li", {}, t("snapshots.none"))]);
  const states = [
    ...cards.map((one) => [`card:${one.number}`, t("state.now", one.number)]),
    ...snapshots.map((one) => [`snapshot:${one.number}`, t("state.kept", one.name, one.card)]),
  ];
  choose(byId("before"), states, states.at(-1)?.[0]);
  choose(byId("after"), states, states[0]?.[0]);
  choose(byId("of"), [["all", t("of.all")],
    ...cards.map((one) => [String(one.number), t("card", one.number, one.label)])], "all");
}

// Fills a list of choices, and keeps what was chosen as long as it is there; that it is not is told
// as any other choice is.
function choose(select, choices, first) {
  const chosen = select.value;
  fill(select, choices.map(([value, text]) => make("option", { value }, text)));
  select.value = choices.some(([value]) => value === chosen) ? chosen : first ?? "";
  if (chosen !== "" && select.value !== chosen) select.dispatchEvent(new Event("change"));
}

function slot(one, outside, parts) {
  const id = `slot-${one.slot}`;
  const held = parts.state.overview.cards.find((other) => other.number === one.card);
  const told = [
    one.address && t("address", one.address),
    t(one.connected ? "reader.there" : "reader.none"),
    held && t(one.powered ? "power.on" : "power.off"),
    parts.state.looks.get(one.card)?.pulled && t("pulled"),
    one.said,
  ].filter(Boolean).join(" · ");
  const press = (name, request, key) =>
    button(t(name), () => parts.run(request), { "data-key": `${id}-${key}`, "aria-describedby": `${id}-title` });
  return make("section", { class: "slot", id, "aria-labelledby": `${id}-title` },
    make("h3", { id: `${id}-title` }, t("slot", one.slot)),
    make("p", { class: "told" }, told),
    held
      ? make("p", { class: "buttons" },
        press("pull", { do: "pull", slot: one.slot }, "pull"),
        press("reset", { do: "reset", slot: one.slot }, "reset"),
        press("back", { do: "insert", card: one.card, slot: one.slot }, "back"))
      : insertion(one, outside, parts, id),
    held ? card(held, parts) : make("p", { class: "empty" }, t("empty")));
}

function insertion(one, outside, parts, id) {
  if (!outside.length) return null;
  const which = make("select", { "aria-label": t("insert.which"), "data-key": `${id}-which` },
    outside.map((other) => make("option", { value: other.number }, t("card", other.number, other.label))));
  return make("p", { class: "buttons" }, which, " ",
    button(t("insert"), () => parts.run({ do: "insert", card: Number(which.value), slot: one.slot }),
      { "data-key": `${id}-insert`, "aria-describedby": `${id}-title` }));
}

function card(one, { state, run, hazard }) {
  const id = `card-${one.number}`;
  const look = state.looks.get(one.number);
  const press = (name, request, key) =>
    button(t(name), () => run(request), { "data-key": `${id}-${key}`, "aria-describedby": `${id}-title` });
  const of = { card: one.number };
  return make("article", { class: "card", id, "aria-labelledby": `${id}-title` },
    make("h4", { id: `${id}-title` }, t("card", one.number, one.label)),
    look ? summary(look) : make("p", {}, t("working")),
    make("p", { class: "buttons" },
      look?.state === "deactivated"
        ? press("resume", { do: "resume", ...of }, "suspend")
        : press("suspend", { do: "suspend", ...of }, "suspend"),
      button(t("hazard"), () => hazard(one.number), { "data-key": `${id}-hazard`, "aria-describedby": `${id}-title` }),
      look && hazardous(look) ? press("hazard.clear", { do: "clear", ...of }, "clear") : null,
      press("snapshot", { do: "snapshot", ...of }, "snapshot"),
      press("fork", { do: "fork", ...of }, "fork"),
      one.fork ? press("away", { do: "take away", ...of }, "away") : null),
    look ? hazards(look) : null,
    look ? channels(look, id) : null,
    look ? applications(look, id) : null);
}

function summary(look) {
  return make("p", { class: "told" },
    make("span", { class: `chip ${look.state}` }, word("state", look.state)), " ",
    look.profile, " · ATR ", make("code", {}, look.atr),
    look.failed ? make("strong", {}, ` ${look.failed}`) : null);
}

const hazardous = (look) => look.hazards.length + look.past.length > 0;

function hazards(look) {
  if (!hazardous(look)) return null;
  return make("ul", { class: "hazards" },
    look.hazards.map((one) => make("li", {}, t("hazard.coming", one))),
    look.past.map((one) => make("li", {}, t("hazard.past", one))),
    look.happened ? make("li", {}, t("hazard.happened", look.happened)) : null);
}

function channels(look, id) {
  const shown = look.channels.length
    ? make("ul", {}, look.channels.map((one) => make("li", {}, channel(one))))
    : make("p", {}, t("channels.none"));
  return make("details", { "data-key": `${id}-channels`, open: true },
    make("summary", { "data-key": `${id}-channels-summary` }, t("channels")), shown);
}

function channel(one) {
  const proven = [
    one.verified?.length ? t("verified", one.verified.join(", ")) : null,
    one.authenticated?.length ? t("authenticated", one.authenticated.join(", ")) : null,
    one.messaging ? t("messaging") : null,
  ].filter(Boolean);
  const where = one.aid
    ? [one.kind, " ", make("code", {}, one.aid), one.ef ? [", EF ", make("code", {}, one.ef)] : null]
    : [t("channel.none")];
  return [make("strong", {}, t("channel", one.number)), ": ", ...where.flat(), " · ",
    make("span", { class: proven.length ? "proven" : "" }, proven.join(" · ") || t("nothing"))];
}

function applications(look, id) {
  return make("div", { class: "applications" }, make("h5", {}, t("applications")),
    look.applications.map((one) => application(one, `${id}-${one.aid}`)));
}

function application(one, id) {
  const low = one.files.filter((file) => file.tries && file.left < file.tries);
  return make("details", { "data-key": id },
    make("summary", { "data-key": `${id}-summary` }, one.kind, " ", make("code", {}, one.aid),
      low.map((file) => make("span", { class: "low" },
        ` · ${word("kind", file.kind)} ${file.fid}: ${left(file)}`))),
    one.files.length ? make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": one.kind, "data-key": `${id}-wide` }, files(one)) : null,
    one.more.length ? make("dl", {}, one.more.map((more) =>
      [make("dt", {}, more.name), make("dd", {}, more.value)])) : null);
}

const left = (file) => (file.left ? t("of_tries", file.left, file.tries) : t("blocked"));

function files(one) {
  const head = ["file", "kind", "state", "tries", "read", "update"];
  return make("table", {},
    make("thead", {}, make("tr", {}, head.map((name) => make("th", { scope: "col" }, t(name))))),
    make("tbody", {}, one.files.map((file) => make("tr", { title: file.says },
      make("th", { scope: "row" }, make("code", {}, file.path)),
      make("td", {}, word("kind", file.kind)),
      make("td", {}, word("state", file.state)),
      make("td", {}, file.tries ? left(file) : ""),
      make("td", { class: "condition" }, file.read ?? ""),
      make("td", { class: "condition" }, file.update ?? "")))));
}

function snapshot(one, run) {
  const key = `snapshot-${one.number}`;
  const press = (name, request) =>
    button(t(name), () => run(request), { "data-key": `${key}-${name}`, "aria-describedby": key });
  return make("li", {},
    make("span", { id: key }, t("snapshot.of", one.name, one.card, one.seconds)), " ",
    press("restore", { do: "restore", snapshot: one.number }),
    press("fork", { do: "fork", snapshot: one.number }),
    press("drop", { do: "drop", snapshot: one.number }));
}
