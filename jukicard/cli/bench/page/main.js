// Puts the page together: what the server tells is shown, what a person presses is asked for.

import { showBench } from "./cards.js";
import { askHazard, showDifferences, showHelp } from "./dialogs.js";
import { byId } from "./dom.js";
import { showLedger } from "./ledger.js";
import { act, listen } from "./net.js";
import { Rows } from "./rows.js";
import { openNamed, showRules } from "./rulelist.js";
import { readRules } from "./rules.js";
import { beginTabs, offer } from "./tabs.js";
import { speak, spoken, t } from "./words.js";

const state = { overview: null, looks: new Map(), hazards: [], line: "lost", ledger: null };
const rows = new Rows();
let last = 0; // when a refusal was spoken last

function problem(text) {
  byId("problem").textContent = text;
}

async function run(request) {
  problem("");
  try {
    const done = await act(request);
    if (request.do === "compare") showDifferences(done);
  } catch (error) {
    problem(error.message);
  }
}

function hazard(card) {
  problem("");
  askHazard(card, state.hazards, () => {}, (error) => problem(error.message));
}

let drawing = false;

// Draws the cards once for all that the server tells in one go.
function bench() {
  if (drawing || state.overview === null) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    showBench(state, run, hazard);
  }, 16);
}

function label() {
  for (const one of document.querySelectorAll("[data-t]")) one.textContent = t(one.dataset.t);
  byId("connection").textContent = t(state.line);
  byId("connection").className = state.line;
}

function connection(line) {
  state.line = line;
  label();
}

// Says the last refusal to whoever listens to the page, and not more often than can be heard.
function say(told) {
  const refused = told.filter((row) => row.refused).at(-1);
  if (refused === undefined || Date.now() - last < 2000) return;
  last = Date.now();
  byId("spoken").textContent = t("said", refused.card, refused.status, refused.meaning ?? "");
}

function language(name) {
  speak(name);
  label();
  bench();
  showLedger(state.ledger);
  showRules();
  rows.redraw();
  remember("language", name);
}

function theme(name) {
  document.documentElement.dataset.theme = name;
  remember("theme", name);
}

function remember(what, value) {
  try {
    sessionStorage.setItem(what, value);
  } catch {
    // a browser that keeps nothing asks again
  }
}

function remembered(what, otherwise) {
  try {
    return sessionStorage.getItem(what) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function begin() {
  byId("language").value = remembered("language", navigator.language.startsWith("ja") ? "ja" : "en");
  byId("theme").value = remembered("theme", "system");
  theme(byId("theme").value);
  language(byId("language").value);
  byId("language").addEventListener("change", (event) => language(event.target.value));
  byId("theme").addEventListener("change", (event) => theme(event.target.value));
  byId("help").addEventListener("click", showHelp);
  byId("search").addEventListener("input", () => rows.redraw());
  byId("refused").addEventListener("change", () => rows.redraw());
  byId("of").addEventListener("change", () => {
    const card = byId("of").value;
    byId("save").setAttribute("href", `session/${card === "" ? "all" : card}.html`);
    rows.redraw();
  });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("clear").addEventListener("click", () => rows.clear());
  byId("pause").addEventListener("click", (event) => {
    const paused = event.target.getAttribute("aria-pressed") !== "true";
    event.target.setAttribute("aria-pressed", String(paused));
    rows.pause(paused);
  });
  byId("compare").addEventListener("submit", (event) => {
    event.preventDefault();
    const [before, after] = [byId("before"), byId("after")].map((one) => {
      const [kind, number] = one.value.split(":");
      return { [kind]: Number(number) };
    });
    run({ do: "compare", before, after });
  });
  document.documentElement.dataset.lang = spoken();
  beginTabs();
  openNamed();
  addEventListener("hashchange", openNamed);
  listen({
    hello(told) {
      state.hazards = told.hazards;
      state.looks.clear();
      offer("ledger", told.ledger);
      if (!told.again) rows.clear();
    },
    bench(told) {
      state.overview = told;
      const there = new Set(told.cards.map((one) => one.number));
      for (const number of state.looks.keys()) if (!there.has(number)) state.looks.delete(number);
      bench();
    },
    card(told) {
      state.looks.set(told.number, told.look);
      bench();
    },
    ledger(told) {
      state.ledger = told;
      showLedger(told);
    },
    rows(told) {
      rows.add(told);
      say(told.rows);
    },
    connected: (there) => connection(there ? "connected" : "lost"),
    ended: () => connection("ended"),
    full: () => connection("full"),
  });
}

await readRules();
begin();
