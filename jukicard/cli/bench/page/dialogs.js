// What opens over the page: a rule, a comparison, a hazard to be set, and what the page is.

import { byId, find, make } from "./dom.js";
import { glossary } from "./glossary.js";
import { happening } from "./hazardwords.js";
import { act } from "./net.js";
import { anchor, listed, manual, openNamed } from "./rulelist.js";
import { rule, terms } from "./rules.js";
import { said } from "./sentences.js";
import { spoken, t } from "./words.js";

const HEX = new Set(["ins", "status"]);

export function show(title, ...children) {
  byId("dialog-title").textContent = title;
  byId("dialog-body").replaceChildren(...children);
  byId("dialog-close").textContent = t("close");
  const dialog = byId("dialog");
  if (dialog.open) return;
  const opener = document.activeElement?.dataset.key;
  dialog.showModal();
  dialog.addEventListener("close", () => backTo(opener), { once: true });
}

// Gives the focus back to what has opened the dialog, also where that was drawn anew meanwhile.
function backTo(key) {
  const now = document.activeElement;
  const lost = now === null || now === document.body || byId("dialog").contains(now);
  if (key !== undefined && lost) find(document, key)?.focus();
}

export function showHelp() {
  show(t("help.title"), ...[1, 2, 3, 4, 5, 6].map((at) => make("p", {}, t(`help.${at}`))));
}

// Shows the rule of a status word, and what the words of the card's reason mean.
export function showRule(status, reasons) {
  const found = rule(status, spoken());
  if (found === null) return;
  const why = reasons.join("\n");
  const meant = terms(why, spoken());
  const short = glossary([why, found.todo, ...meant.map((one) => one[1])].join("\n"), spoken());
  show(
    t("rule.title", status, found.title),
    ...(why ? [make("h3", {}, t("rule.said")), make("p", { class: "reason", lang: "en" }, why)] : []),
    make("h3", {}, t("rule.do")),
    make("p", { class: "todo" }, found.todo),
    ...(meant.length ? [make("h3", {}, t("rule.terms")), listed(meant)] : []),
    ...(short.length ? [make("h3", {}, t("rule.glossary")), listed(short)] : []),
    make("p", {}, toList(found)),
    make("p", { class: "manual" }, t("rule.manual", manual(found))),
  );
}

// A link to the rule's place in the list of all rules: it can be kept, and opened again.
function toList(found) {
  const made = make("a", { href: `#${anchor(found.key)}` }, t("rule.list", found.key));
  made.addEventListener("click", () => {
    byId("dialog").close();
    if (location.hash === made.getAttribute("href")) openNamed(); // no other one: nobody tells
  });
  return made;
}

export function showDifferences(rows) {
  if (!rows.length) {
    show(t("compare.title"), make("p", {}, t("compare.same")));
    return;
  }
  const head = ["compare.place", "compare.what", "of.value", "to.value"];
  show(t("compare.title"), make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": t("compare.title") },
    make("table", {},
      make("thead", {}, make("tr", {}, head.map((one) => make("th", { scope: "col" }, t(one))))),
      make("tbody", {}, rows.map((row) => make("tr", {},
        [row.place, row.what, row.before, row.after].map((one) => make("td", {}, said(one)))))))));
}

// Asks what is to happen to a card; `done` is called when it was set.
export function askHazard(card, forms, done, failed) {
  const kinds = make("select", { id: "hazard-kind", "data-key": "kind" },
    forms.map((form) => make("option", { value: form.name }, form.name)));
  const about = make("p", { id: "hazard-about" });
  const fields = make("div", { class: "fields" });
  const choose = () => {
    const form = forms.find((one) => one.name === kinds.value);
    about.textContent = happening(form.name, spoken());
    fields.replaceChildren(...form.fields.map((one) => field(one, form.name)));
  };
  kinds.addEventListener("change", choose);
  const asked = make("form", { id: "hazard" },
    make("label", {}, make("span", {}, t("hazard.kind")), " ", kinds), about, fields,
    make("button", { type: "submit" }, t("hazard.set")));
  asked.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = forms.find((one) => one.name === kinds.value);
    try {
      const values = Object.fromEntries(form.fields.map((one) => [one.name, read(one, asked)]));
      await act({ do: "hazard", card, name: form.name, values });
      byId("dialog").close();
      done();
    } catch (error) {
      failed(error);
      about.textContent = error.message;
    }
  });
  choose();
  show(t("hazard.title", card), asked);
  kinds.focus();
}

function field(one, of) {
  const id = `field-${one.name}`;
  const shown = HEX.has(one.name) && one.default !== null
    ? one.default.toString(16).toUpperCase() : one.default;
  const input = one.type === "bool"
    ? make("input", { type: "checkbox", id, checked: one.default === true })
    : make("input", { id, type: "text", value: shown ?? "", maxlength: 64 });
  return make("label", { class: one.type === "bool" ? "check" : "" }, input, " ",
    make("span", {}, fieldName(one.name, of)));
}

// A power cut counts writes, everything else exchanges.
const fieldName = (name, of) => t(of === "PowerCut" && name === "at" ? "field.at.write" : `field.${name}`);

function read(one, form) {
  const input = form.querySelector(`#field-${one.name}`);
  if (one.type === "bool") return input.checked;
  const text = input.value.trim();
  if (one.type === "bytes") return text;
  if (text === "") return null;
  const number = HEX.has(one.name) ? (/^[0-9a-f]+$/i.test(text) ? parseInt(text, 16) : NaN) : Number(text);
  if (Number.isNaN(number)) throw new Error(`${t(`field.${one.name}`)}: ${text}`);
  return number;
}
