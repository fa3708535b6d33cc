// What opens over the page: a rule, a comparison, a hazard to be set, and what the page is.

import { byId, make } from "./dom.js";
import { act } from "./net.js";
import { rule, terms } from "./rules.js";
import { spoken, t } from "./words.js";

const HEX = new Set(["ins", "status"]);

export function show(title, ...children) {
  byId("dialog-title").textContent = title;
  byId("dialog-body").replaceChildren(...children);
  byId("dialog-close").textContent = t("close");
  const dialog = byId("dialog");
  if (!dialog.open) dialog.showModal();
}

export function showHelp() {
  show(t("help.title"), ...[1, 2, 3, 4, 5].map((at) => make("p", {}, t(`help.${at}`))));
}

// Shows the rule of a status word, and what the words of the card's reason mean.
export function showRule(status, reasons) {
  const found = rule(status, spoken());
  if (found === null) return;
  const said = reasons.join("\n");
  const words = terms(said, spoken());
  show(
    t("rule.title", status, found.title),
    ...(said ? [make("h3", {}, t("rule.said")), make("p", { class: "reason", lang: "en" }, said)] : []),
    make("h3", {}, t("rule.do")),
    make("p", { class: "todo" }, found.todo),
    ...(words.length ? [make("h3", {}, t("rule.terms")), make("dl", {},
      words.map(([name, meaning]) => [make("dt", {}, make("code", {}, name)), make("dd", {}, meaning)]))] : []),
    make("p", { class: "manual" }, t("rule.manual", `docs/${found.manual}`)),
  );
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
        [row.place, row.what, row.before, row.after].map((one) => make("td", {}, one))))))));
}

// Asks what is to happen to a card; `done` is called when it was set.
export function askHazard(card, forms, done, failed) {
  const kinds = make("select", { id: "hazard-kind", "data-key": "kind" },
    forms.map((form) => make("option", { value: form.name }, form.name)));
  const about = make("p", { lang: "en", id: "hazard-about" });
  const fields = make("div", { class: "fields" });
  const choose = () => {
    const form = forms.find((one) => one.name === kinds.value);
    about.textContent = form.is;
    fields.replaceChildren(...form.fields.map(field));
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

function field(one) {
  const id = `field-${one.name}`;
  const shown = HEX.has(one.name) && one.default !== null
    ? one.default.toString(16).toUpperCase() : one.default;
  const input = one.type === "bool"
    ? make("input", { type: "checkbox", id, checked: one.default === true })
    : make("input", { id, type: "text", value: shown ?? "", maxlength: 64 });
  return make("label", { class: one.type === "bool" ? "check" : "" }, input, " ",
    make("span", {}, t(`field.${one.name}`)));
}

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
