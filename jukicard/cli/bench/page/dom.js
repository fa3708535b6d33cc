// Builds what the page shows. Everything that comes from a card or a terminal becomes text: there is
// no other way here to put anything into the page.

const PLAIN = new Set([
  "class", "id", "type", "for", "value", "name", "title", "lang", "role", "open", "min", "max", "step",
  "disabled", "checked", "selected", "required", "scope", "maxlength", "tabindex",
]);
const INSIDE = /^#[\w-]+$/; // the only places that a link made here leads to

// Returns an element. Attributes are those of the list above, data-… and aria-…, href within the page; children are
// elements and texts; what is null or false is left out.
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    const inside = name === "href" && INSIDE.test(value);
    if (!inside && !PLAIN.has(name) && !name.startsWith("data-") && !name.startsWith("aria-")) {
      throw new Error(`no attribute ${name} here`);
    }
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) {
      made.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
  return made;
}

export function button(text, run, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", run);
  return made;
}

// Puts other children into an element, if they are not the same already. Every <details> that is open
// stays so, and the element that has the focus has it again: they are known by their data-key. Where it
// is gone, what stands in its place has the focus: the next of the same slot, card or snapshot, or all.
export function fill(element, children) {
  const next = [children].flat(Infinity).filter((one) => one instanceof Node);
  for (const one of element.querySelectorAll("details[data-key]")) {
    for (const other of next) setOpen(other, one.dataset.key, one.open);
  }
  const same = next.length === element.childNodes.length
    && next.every((one, at) => one.isEqualNode(element.childNodes[at]));
  if (same) return;
  const focused = document.activeElement?.closest?.("[data-key]");
  const key = focused && element.contains(focused) ? focused.dataset.key : null;
  element.replaceChildren(...next);
  if (key !== null) (find(element, key) ?? beside(element, key) ?? element).focus();
}

function setOpen(root, key, open) {
  for (const one of [root, ...(root.querySelectorAll?.("details[data-key]") ?? [])]) {
    if (one.nodeName === "DETAILS" && one.dataset.key === key) one.open = open;
  }
}

export function find(element, key) {
  return [...element.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
}

function beside(element, key) {
  const of = key.slice(0, key.lastIndexOf("-") + 1);
  return [...element.querySelectorAll("button[data-key], select[data-key]")]
    .find((one) => one.dataset.key.startsWith(of));
}

export const byId = (id) => document.getElementById(id);
