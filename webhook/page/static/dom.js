// Builds elements. Text becomes text nodes and nothing else: whatever a manifest says stays inert.

/** An element with attributes (`onclick` and the like are listeners) and children: nodes, texts, or nothing. */
export function element(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      node.addEventListener(name.slice(2), value);
    } else if (value !== false && value !== undefined && value !== null) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Prose in which `backticks` mark code. */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

/** A push button. */
export function button(label, onclick, attributes = {}) {
  return element("button", { type: "button", class: "button", onclick, ...attributes }, label);
}

/** Buttons of one verb, e.g. Copy: YAML, Patch. `of` says of what, to screen readers; `act(pressed)` does it. */
export function verbs(verb, of, acts) {
  const pushes = Object.entries(acts)
    .filter(([, act]) => act)
    .map(([label, act]) => button([unseen(`${verb} `), label, unseen(` ${of}`)], (event) => act(event.currentTarget)));
  return element("span", { class: "verbs" }, element("span", { class: "verb", "aria-hidden": "true" }, verb), pushes);
}

/** Text that only a screen reader says. */
export function unseen(text) {
  return element("span", { class: "unseen" }, text);
}

/** The line drawings of the page, by name: a path in a square of 16. */
const DRAWINGS = {
  check: "M3.5 8.5 6.5 11.5 12.5 4.8",
  cross: "M4.5 4.5l7 7m0-7-7 7",
  plus: "M8 3.5v9M3.5 8h9",
  equal: "M4 6.2h8M4 9.8h8",
  minus: "M4 8h8",
  warning: "M8 3v6M8 12.6v.1",
  arrow: "M2.5 8h10.5M9.5 4.5 13 8l-3.5 3.5",
  chevron: "m6 3.5 4.5 4.5L6 12.5",
  fold: "M8 2v3.5M6 3.8l2 2 2-2M2.5 8h11M8 14v-3.5M6 12.2l2-2 2 2",
};

/** A drawing; it repeats what is said in words beside it. */
export function drawing(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 16 16",
    class: `drawing ${name}`,
    "aria-hidden": "true",
  })) {
    svg.setAttribute(key, value);
  }
  path.setAttribute("d", DRAWINGS[name]);
  svg.append(path);
  return svg;
}

/** "1 object", "2 objects". */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
