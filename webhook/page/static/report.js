// A whole report: scoreboard, what to do with all, filter, cards.

import { Card } from "./cards.js";
import { copy, download } from "./clipboard.js";
import { patchedYaml } from "./diff.js";
import { button, element, verbs } from "./dom.js";
import { failureCard } from "./failures.js";
import { filterBar } from "./filter.js";
import { scoreboard } from "./summary.js";

const FEW = 5; // as many cards are open from the start
/** Shows reports in `place`. `view()` says how diffs look, `setView` changes it, `jump` leads to an editor's line. */
export class ReportView {
  #place;
  #options;
  #cards = [];
  #filter = { text: "", state: "all" };
  #opened = new Map(); // which cards a person opened or closed, by object, over the next reports too

  constructor(place, options) {
    this.#place = place;
    this.#options = options;
    this.watcher = new IntersectionObserver(
      (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => entry.target.card.draw()),
      { rootMargin: "600px" },
    );
  }

  /** Replaces what is shown. */
  show(report) {
    this.#remember();
    this.watcher.disconnect();
    const readable = report.results.filter((result) => !result.error);
    this.#cards = [];
    const list = element(
      "div",
      { class: "cards" },
      report.results.map((result, index) => this.#cardOf(result, index, readable.length)),
    );
    this.#place.replaceChildren(
      ...[scoreboard(report), readable.length > 0 && this.#bar(readable, report.results, list), list].filter(Boolean),
    );
  }

  /** Shows the diffs as `view()` now says. */
  redraw() {
    this.#cards.forEach((card) => card.redraw());
  }

  #remember() {
    for (const card of this.#cards) {
      if (card.touched) {
        this.#opened.set(identity(card.result), card.isOpen);
      }
    }
  }

  #cardOf(result, index, readable) {
    if (result.error) {
      return failureCard(result, this.#options.jump);
    }
    const card = new Card(result, index, { view: this.#options.view, watcher: this.watcher });
    this.#cards.push(card);
    const few = readable <= FEW && (Boolean(result.profile) || readable === 1);
    card.open(this.#opened.get(identity(result)) ?? few);
    return card.element;
  }

  #bar(readable, results, list) {
    const yaml = () => readable.map((result) => patchedYaml(result.diff)).join("---\n");
    const patches = () =>
      `${JSON.stringify(
        readable.map(({ apiVersion, kind, namespace, name, patch }) => ({ apiVersion, kind, namespace, name, patch })),
        null,
        2,
      )}\n`;
    const openers = [button("Open all", () => this.#openAll(true)), button("Close all", () => this.#openAll(false))];
    const takers = [
      verbs("Copy all", "of all objects", {
        YAML: (pressed) => copy(yaml(), pressed, "YAML of all objects"),
        Patches: (pressed) => copy(patches(), pressed, "All patches"),
      }),
      verbs("Download all", "of all objects", {
        YAML: () => download(yaml(), "patched.yaml", "application/yaml"),
        Patches: () => download(patches(), "patches.json", "application/json"),
      }),
    ];
    const all = results.length > 1;
    return element(
      "div",
      { class: "tools" },
      element("div", { class: "tool-row" }, all && filterBar(results, list, this.#filter), this.#views()),
      all &&
        element(
          "div",
          { class: "tool-row" },
          element("div", { class: "actions" }, openers),
          element("div", { class: "actions" }, takers),
        ),
    );
  }

  #openAll(isOpen) {
    this.#cards.forEach((card) => card.press(isOpen));
  }

  #views() {
    const choice = (value, label) => [
      element("input", {
        type: "radio",
        name: "view",
        id: `view-${value}`,
        value,
        checked: this.#options.view.chosen() === value,
        onchange: () => this.#options.setView(value),
      }),
      element("label", { for: `view-${value}` }, label),
    ];
    return element(
      "fieldset",
      { class: "views" },
      element("legend", { class: "unseen" }, "Differences"),
      choice("split", "Side by side"),
      choice("unified", "Unified"),
    );
  }
}

function identity(result) {
  return JSON.stringify([result.apiVersion, result.kind, result.namespace, result.name]);
}
