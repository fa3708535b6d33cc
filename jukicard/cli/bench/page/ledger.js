// The ledger of the terminal: what anybody may see of it. Everything here is read, nothing is asked.

import { byId, fill, make } from "./dom.js";
import { spoken, t, word } from "./words.js";

// Shows what was told last; `said` is null before the first look.
export function showLedger(said) {
  const problem = byId("ledger-problem");
  if (said === null) {
    problem.textContent = t("ledger.waiting");
  } else if (said.problem) {
    problem.textContent = t("ledger.problem", said.problem[spoken()] ?? said.problem.en);
  } else {
    problem.textContent = "";
  }
  problem.className = said?.problem ? "bad" : "";
  fill(byId("ledger-body"), said === null || said.problem ? [] : body(said));
}

function body(said) {
  return [
    make("p", { class: "told" }, t("ledger.read", said.kind === "sqlite" ? t("ledger.file") : t("ledger.server"))),
    ...(said.stopped === undefined ? running(said) : [stopped(said.stopped)]),
    ...log(said.log),
    ...(said.cards?.length ? [make("h3", {}, t("ledger.last")),
      table("ledger-cards", t("ledger.last"), CARDS, said.cards)] : []),
  ];
}

function stopped(since) {
  return make("p", { class: "stopped" }, since ? t("ledger.stopped", since) : t("ledger.closed"));
}

function running(said) {
  const { rows, count } = said.intents;
  return [
    make("h3", {}, t("ledger.cards", said.counts.reduce((sum, one) => sum + one.count, 0))),
    said.counts.length ? make("ul", { class: "counts" }, said.counts.map((one) =>
      make("li", {}, make("span", { class: `chip ${one.state}` }, standing(one)), ` ${one.count}`))) : null,
    make("h3", {}, t("ledger.intents", count)),
    rows.length ? table("ledger-intents", t("ledger.intents", count), INTENTS, rows)
      : make("p", {}, t("ledger.intents.none")),
    count > rows.length ? make("p", {}, t("ledger.more", count - rows.length)) : null,
    said.gaps ? make("p", { class: "stopped" }, t("ledger.gaps", said.gaps)) : null,
  ].filter(Boolean);
}

const standing = (one) => one.returns_to
  ? t("ledger.returns", word("ledgerstate", one.state), word("ledgerstate", one.returns_to))
  : word("ledgerstate", one.state);

const CARDS = [
  ["ledger.card", (row) => make("code", {}, row.card)],
  ["state", (row) => standing(row)],
  ["ledger.act", (row) => word("act", row.act)],
  ["ledger.at", (row) => row.at],
  ["ledger.terminal", (row) => row.terminal],
  ["ledger.expires", (row) => row.expires],
];
const INTENTS = [
  ["ledger.card", (row) => make("code", {}, row.card)],
  ["ledger.purpose", (row) => make("code", {}, row.purpose)],
  ["ledger.since", (row) => row.opened],
  ["ledger.terminal", (row) => row.terminal],
];

function table(key, label, columns, rows) {
  return make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": label, "data-key": key },
    make("table", {},
      make("thead", {}, make("tr", {}, columns.map(([name]) => make("th", { scope: "col" }, t(name))))),
      make("tbody", {}, rows.map((row) => make("tr", {},
        columns.map(([, cell]) => make("td", {}, cell(row))))))));
}

function log(said) {
  const title = make("h3", {}, t("ledger.log"));
  if (said === null) return [title, make("p", {}, t("ledger.log.none"))];
  return [title, make("dl", {},
    pair("ledger.origin", said.origin),
    pair("ledger.size", said.size),
    pair("ledger.root", make("code", {}, said.root)),
    pair("ledger.queued", said.queued ? t("ledger.queued.since", said.queued, said.queued_since) : 0),
    ...checkpoint(said.checkpoint, said.hold)),
  said.restored ? make("p", { class: "stopped" }, t("ledger.restored", said.restored)) : null].filter(Boolean);
}

function checkpoint(said, hold) {
  if (said === null) return pair("ledger.checkpoint", t("ledger.checkpoint.none"));
  const seen = said.witnessed ? t("ledger.witnessed.at", said.witnessed)
    : t(hold ? "ledger.witnessed.held" : "ledger.witnessed.none");
  return [
    pair("ledger.checkpoint", t("ledger.checkpoint.of", said.size, said.signed)),
    pair("ledger.witnessed", seen),
    pair("ledger.witnesses", said.witnesses.join(", ") || t("ledger.witnesses.none")),
  ].flat();
}

const pair = (name, value) => [make("dt", {}, t(name)), make("dd", {}, value)];
