// The exchanges: the newest first, as many as the page holds, filtered by what was asked for.

import { button, byId, make } from "./dom.js";
import { showRule } from "./dialogs.js";
import { rule } from "./rules.js";
import { spoken, t, word } from "./words.js";

const MOST = 500;

export class Rows {
  constructor() {
    this.kept = [];
    this.gone = 0;
    this.paused = false;
    this.drawing = false;
    this.fresh = 0; // how many of the newest are not drawn yet
    this.took = 0; // how long drawing took last, in milliseconds
  }

  // Takes what the server tells; draws it with the next frame, or when the pause is over.
  add({ gone, rows }) {
    this.gone += gone;
    this.kept.push(...rows);
    this.fresh += rows.length;
    if (this.kept.length > MOST) {
      this.gone += this.kept.length - MOST;
      this.kept.splice(0, this.kept.length - MOST);
    }
    this.soon();
  }

  clear() {
    this.kept = [];
    this.gone = 0;
    this.redraw();
  }

  // Draws soon, and where that takes long less often, so that the page can be used meanwhile.
  soon() {
    if (this.drawing || this.paused) return;
    this.drawing = true;
    setTimeout(() => {
      this.drawing = false;
      if (this.paused) return;
      const begun = performance.now();
      this.draw();
      this.took = performance.now() - begun;
    }, Math.min(16 + 3 * this.took, 500));
  }

  pause(paused) {
    this.paused = paused;
    this.soon();
  }

  draw() {
    const list = byId("rows");
    const count = Math.min(this.fresh, this.kept.length);
    this.fresh = 0;
    const asked = this.asked();
    const fresh = count ? this.kept.slice(-count) : [];
    list.prepend(...fresh.filter((row) => matches(row, asked)).reverse().map(line));
    const oldest = this.kept.length ? this.kept[0].number : Infinity;
    while (list.lastElementChild && Number(list.lastElementChild.dataset.number) < oldest) {
      list.lastElementChild.remove();
    }
    this.told();
  }

  redraw() {
    byId("rows").replaceChildren();
    this.fresh = this.kept.length;
    this.draw();
  }

  told() {
    byId("gone").textContent = this.gone ? t("gone", this.gone) : "";
    byId("none").hidden = this.kept.length > 0;
  }

  asked() {
    return {
      text: byId("search").value.trim().toLowerCase(),
      card: byId("of").value,
      refused: byId("refused").checked,
    };
  }
}

function matches(row, asked) {
  return (asked.card === "all" || asked.card === "" || String(row.card) === asked.card)
    && (!asked.refused || row.refused === true || row.notes.some((note) => note.kind === "fault"))
    && (!asked.text || textOf(row).includes(asked.text));
}

// What is searched of a row; made when somebody searches.
function textOf(row) {
  row.text ??= JSON.stringify(row).toLowerCase();
  return row.text;
}

const LOUD = new Set(["refusal", "hazard", "fault", "firewall", "unseen", "bench"]);

function line(row) {
  const reasons = row.notes.filter((note) => note.kind === "refusal").map((note) => note.text);
  const loud = row.notes.filter((note) => LOUD.has(note.kind));
  return make("li", { class: row.refused ? "row refused" : "row", "data-number": row.number },
    row.means !== undefined || row.atr !== undefined ? details(row) : null,
    loud.map((note) => make("p", { class: `note ${note.kind.replace(" ", "-")}` },
      make("strong", {}, word("note", note.kind)), " ", note.text)),
    row.refused && rule(row.status, spoken()) !== null
      ? button(t("rule", row.status), () => showRule(row.status, reasons), { class: "rule" }) : null);
}

function details(row) {
  const status = row.status === undefined ? null
    : make("span", { class: row.refused ? "status bad" : "status" }, `${row.status} ${meaning(row)}`);
  const what = row.atr !== undefined ? t("reset.done") : row.means;
  const made = make("details", {},
    make("summary", {},
      make("span", { class: "where" }, `${t("where", row.seconds.toFixed(2), row.card)} `),
      make("span", { class: "means" }, what), " ", status));
  made.addEventListener("toggle", () => made.append(...inside(row)), { once: true });
  return made;
}

// What a row shows when it is opened; made only then.
function inside(row) {
  const quiet = row.notes.filter((note) => !LOUD.has(note.kind));
  return [
    make("dl", {},
      row.atr !== undefined ? pair(t("answer"), row.atr) : null,
      row.command !== undefined ? pair(t("command"), row.command) : null,
      row.answer ? pair(t("answer"), row.answer) : null,
      quiet.map((note) => [make("dt", {}, word("note", note.kind)), make("dd", {}, note.text)])),
    make("p", { class: "took" }, t("took", (row.took * 1000).toFixed(2))),
  ];
}

const pair = (name, value) => [make("dt", {}, name), make("dd", {}, make("code", {}, value))];

// The meaning in the page's language; in English the card's own words.
function meaning(row) {
  if (spoken() === "en" || !row.status) return row.meaning;
  if (row.status === "9000") return t("status.9000");
  if (row.status.startsWith("63C")) return t("status.wrong", parseInt(row.status[3], 16));
  return rule(row.status, spoken())?.title ?? row.meaning;
}
