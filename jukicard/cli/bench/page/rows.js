// The exchanges: the newest first, as many as the page holds, filtered by what was asked for.

import { byId, make } from "./dom.js";
import { showRule } from "./dialogs.js";
import { rule } from "./rules.js";
import { said } from "./sentences.js";
import { spoken, t, word } from "./words.js";

const MOST = 500;

export class Rows {
  constructor() {
    this.kept = [];
    this.gone = 0;
    this.paused = false;
    this.waiting = []; // what was told during a pause: what is looked at stays meanwhile
    this.drawing = false;
    this.fresh = 0; // how many of the newest are not drawn yet
    this.took = 0; // how long drawing took last, in milliseconds
    // One listener for all rows: a thousand rows a second are made, and few are ever touched.
    byId("rows").addEventListener("toggle", opened, true);
    byId("rows").addEventListener("click", asked);
  }

  // Takes what the server tells; draws it with the next frame, or when the pause is over.
  add({ gone, rows }) {
    this.gone += gone;
    const to = this.paused ? this.waiting : this.kept;
    to.push(...rows);
    if (to.length > MOST) this.gone += to.splice(0, to.length - MOST).length;
    if (this.paused) return;
    this.fresh += rows.length;
    this.soon();
  }

  clear() {
    this.kept = [];
    this.waiting = [];
    this.gone = 0;
    this.redraw();
  }

  // Draws soon, and where that takes long less often, so that the page can be used meanwhile.
  soon() {
    if (this.drawing) return;
    this.drawing = true;
    setTimeout(() => {
      this.drawing = false;
      const begun = performance.now();
      this.draw();
      this.took = performance.now() - begun;
    }, Math.min(16 + this.took, 500));
  }

  pause(paused) {
    this.paused = paused;
    if (!paused) this.add({ gone: 0, rows: this.waiting.splice(0) });
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

// What is searched of a row: what it shows, and its bytes also without spaces; made when somebody
// searches.
function textOf(row) {
  if (row.searched?.language !== spoken()) row.searched = { language: spoken(), text: shown(row) };
  return row.searched.text;
}

function shown(row) {
  const bytes = [row.atr, row.command, row.answer].filter(Boolean);
  return [
    where(row), means(row), row.status && `${row.status} ${meaning(row)}`,
    ...row.notes.map((note) => `${word("note", note.kind)} ${noteText(note)}`),
    ...bytes, ...bytes.map((one) => one.replaceAll(" ", "")),
  ].filter(Boolean).join("\n").toLowerCase();
}

const where = (row) => t("where", row.seconds.toFixed(2), row.card);
const means = (row) => (row.atr !== undefined ? t("reset.done") : row.means);

const LOUD = new Set(["refusal", "hazard", "fault", "firewall", "unseen", "bench"]);

const OURS = new Set(["bench", "fault", "unseen"]); // of these the server has said the text itself

const noteText = (note) => (OURS.has(note.kind) ? said(note.text) : note.text);

const rowsOf = new WeakMap(); // the row that an element shows
const SHAPE = make("li", { class: "row" });
const DETAILS = make("details", {}, make("summary", {},
  make("span", { class: "where" }), make("span", { class: "means" }), " ", make("span", { class: "status" })));
const NOTE = make("p", { class: "note" }, make("strong"), " ");
const BUTTON = make("button", { type: "button", class: "rule" });

// Copies of these are several times as fast as elements that are made one by one.
function line(row) {
  const made = SHAPE.cloneNode();
  made.dataset.number = row.number;
  if (row.refused) made.classList.add("refused");
  if (row.means !== undefined || row.atr !== undefined) made.append(details(row));
  for (const note of row.notes) if (LOUD.has(note.kind)) made.append(remark(note));
  if (row.refused && rule(row.status, spoken()) !== null) {
    const button = BUTTON.cloneNode();
    button.textContent = t("rule", row.status);
    made.append(button);
  }
  rowsOf.set(made, row);
  return made;
}

function remark(note) {
  const made = NOTE.cloneNode(true);
  made.classList.add(note.kind.replace(" ", "-"));
  made.firstChild.textContent = word("note", note.kind);
  made.append(noteText(note));
  return made;
}

function details(row) {
  const made = DETAILS.cloneNode(true);
  const [place, what, , status] = made.firstChild.childNodes;
  place.textContent = `${where(row)} `;
  what.textContent = means(row);
  if (row.status === undefined) status.remove();
  else {
    status.textContent = `${row.status} ${meaning(row)}`;
    if (row.refused) status.classList.add("bad");
  }
  return made;
}

// Fills a row that is opened, once.
function opened(event) {
  const row = rowsOf.get(event.target.parentElement);
  if (row !== undefined && event.target.childElementCount === 1) event.target.append(...inside(row));
}

// Opens the rule of the refusal whose button was pressed.
function asked(event) {
  if (!event.target.classList.contains("rule")) return;
  const row = rowsOf.get(event.target.closest("li"));
  const reasons = row.notes.filter((note) => note.kind === "refusal").map((note) => note.text);
  showRule(row.status, reasons);
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
