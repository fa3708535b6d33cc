// All rules on one page, each at an anchor that stays: #rule-6982 behind the link opens it there.

import { byId, fill, make } from "./dom.js";
import { glossary } from "./glossary.js";
import { CONDITIONS, ruleKey, rules, terms } from "./rules.js";
import { view } from "./tabs.js";
import { spoken, t } from "./words.js";

export const anchor = (key) => `rule-${key}`;

export function showRules() {
  fill(byId("rule-list"), [
    ...rules(spoken()).map(section),
    make("h3", {}, t("rule.glossary")),
    listed(glossary(null, spoken())),
  ]);
}

function section(one) {
  const id = anchor(one.key);
  return make("section", { class: "a-rule", id, tabindex: "-1", "aria-labelledby": `${id}-title` },
    make("h3", { id: `${id}-title` }, t("rule.title", one.key, one.title)),
    make("p", {}, one.todo),
    one.key === CONDITIONS ? [make("h4", {}, t("rule.terms")), listed(terms(null, spoken()))] : null,
    make("p", { class: "manual" }, t("rule.manual", manual(one))));
}

// Returns names with what they mean, and commands where there are some.
export function listed(entries) {
  return make("dl", {}, entries.map(([name, meaning, commands]) => [
    make("dt", {}, make("code", {}, name)),
    make("dd", {}, meaning, commands?.length ? make("pre", {}, commands.join("\n")) : null),
  ]));
}

// Where the manual has a rule: the table, with the same anchor for each status word, and the page.
export const manual = (one) => `docs/reference/status-words.md#status-${one.key.toLowerCase()}, docs/${one.manual}`;

// Opens the rule that the address names behind #, if it names one.
export function openNamed() {
  const found = /^#rule-([0-9A-Z]{4})$/.exec(decodeURIComponentSafely(location.hash));
  if (found === null) return;
  const section = byId(anchor(ruleKey(found[1])));
  if (section === null) return;
  view("rules");
  section.scrollIntoView();
  section.focus({ preventScroll: true });
}

function decodeURIComponentSafely(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
