// Leaves of many results those that somebody looks for.

import { fate } from "./cards.js";
import { count, element } from "./dom.js";

const STATES = {
  all: "Show all",
  attention: "Needs attention",
  fixed: "Made compliant",
  compliant: "Compliant as written",
  plain: "Without a pod",
};

/** Fields that hide the children of `list` which do not match; `chosen`, {text, state}, lasts over the next reports. */
export function filterBar(results, list, chosen) {
  const shown = element("span", { class: "shown", role: "status" });
  const apply = () => {
    const matches = results.map((result) => passes(result, chosen));
    matches.forEach((match, index) => (list.children[index].hidden = !match));
    const matching = matches.filter(Boolean).length;
    shown.textContent = matching === results.length ? "" : `${count(matching, "result")} of ${results.length}`;
  };
  const choose = (name) => (event) => {
    chosen[name] = event.target.value;
    apply();
  };
  const text = element("input", {
    type: "search",
    id: "filter-text",
    placeholder: "Filter by name",
    "aria-label": "Filter by kind, name or namespace",
    spellcheck: "false",
    autocomplete: "off",
    oninput: choose("text"),
  });
  const options = Object.entries(STATES).map(([value, label]) => element("option", { value }, label));
  const state = element(
    "select",
    { id: "filter-state", "aria-label": "Results to show", onchange: choose("state") },
    options,
  );
  text.value = chosen.text;
  state.value = chosen.state;
  apply();
  return element("div", { class: "filter", role: "search" }, text, state, shown);
}

function passes(result, { text, state }) {
  const what = fate(result);
  const isWanted = state === "all" || what === state || (state === "attention" && ["error", "remains"].includes(what));
  const words = [result.kind, result.name, result.namespace, result.error?.message].filter(Boolean).join(" ");
  return isWanted && words.toLowerCase().includes(text.trim().toLowerCase());
}
