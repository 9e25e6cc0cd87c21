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

/** Fields that hide results which do not match. They stay, with what is in them, over the next reports. */
export class Filter {
  #results = [];
  #list;
  #shown = element("span", { class: "shown", role: "status" });
  #text = element("input", {
    type: "search",
    id: "filter-text",
    placeholder: "Filter by name",
    "aria-label": "Filter by kind, name or namespace",
    spellcheck: "false",
    autocomplete: "off",
    oninput: () => this.#apply(),
  });
  #state = element(
    "select",
    { id: "filter-state", "aria-label": "Results to show", onchange: () => this.#apply() },
    Object.entries(STATES).map(([value, label]) => element("option", { value }, label)),
  );
  element = element("div", { class: "filter", role: "search" }, this.#text, this.#state, this.#shown);

  /** Filters the children of `list`, which show `results`. */
  show(results, list) {
    this.#results = results;
    this.#list = list;
    this.#apply();
  }

  #apply() {
    const chosen = { text: this.#text.value, state: this.#state.value };
    const matches = this.#results.map((result) => passes(result, chosen));
    matches.forEach((match, index) => (this.#list.children[index].hidden = !match));
    const matching = matches.filter(Boolean).length;
    const said = matching === matches.length ? "" : `${count(matching, "result")} of ${matches.length}`;
    if (this.#shown.textContent !== said) {
      this.#shown.textContent = said; // a screen reader says it, so only where it is new
    }
  }
}

function passes(result, { text, state }) {
  const what = fate(result);
  const isWanted = state === "all" || what === state || (state === "attention" && ["error", "remains"].includes(what));
  const words = [result.kind, result.name, result.namespace, result.error?.message].filter(Boolean).join(" ");
  return isWanted && words.toLowerCase().includes(text.trim().toLowerCase());
}
