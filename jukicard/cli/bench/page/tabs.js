// The views on the left: cards, ledger, rules. One is shown; arrows, Home and End go from tab to tab.

import { byId } from "./dom.js";

const tabs = () => [...byId("tabs").querySelectorAll("[role=tab]")].filter((one) => !one.hidden);

// Shows the view of a name: bench, ledger or rules.
export function view(name) {
  for (const tab of byId("tabs").querySelectorAll("[role=tab]")) {
    const chosen = tab.id === `tab-${name}`;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
}

export function offer(name, there) {
  const tab = byId(`tab-${name}`);
  tab.hidden = !there;
  if (!there && tab.getAttribute("aria-selected") === "true") view("bench");
}

export function beginTabs() {
  for (const tab of byId("tabs").querySelectorAll("[role=tab]")) {
    tab.addEventListener("click", () => view(tab.id.slice("tab-".length)));
  }
  byId("tabs").addEventListener("keydown", (event) => {
    const all = tabs();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    next.focus();
    view(next.id.slice("tab-".length));
  });
}
