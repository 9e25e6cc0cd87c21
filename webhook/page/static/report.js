// A whole report: scoreboard, what to do with all, filter, cards.

import { announce } from "./announcement.js";
import { Card } from "./cards.js";
import { copy, download } from "./clipboard.js";
import { patchedYaml } from "./diff.js";
import { button, element, verbs } from "./dom.js";
import { failureCard } from "./failures.js";
import { Filter } from "./filter.js";
import { keepFocus } from "./focus.js";
import { scoreboard } from "./summary.js";

const TAKERS = ".verbs .button";
const FEW = 5; // as many cards are open from the start

/**
 * Shows reports in `place`. `view()` says how diffs look, `setView` changes it, `jump` leads to an editor's line;
 * `otherwise` gets the focus of what is gone.
 */
export class ReportView {
  #place;
  #options;
  #cards = [];
  #readable = [];
  #filter = new Filter();
  #tools;
  #forAll;
  #isStale = false;
  #opened = new Map(); // which cards a person opened or closed, by object, over the next reports too

  constructor(place, options) {
    this.#place = place;
    this.#options = options;
    this.#forAll = this.#actions();
    this.#tools = element(
      "div",
      { class: "tools" },
      element("div", { class: "tool-row" }, this.#filter.element, this.#views()),
      this.#forAll,
    );
    this.watcher = new IntersectionObserver((entries) => this.#near(entries), { rootMargin: "600px" });
    place.addEventListener("click", (event) => this.#guard(event), { capture: true });
  }

  /** Replaces what is shown. The tools stay where they are, and keep focus, text and selection. */
  show(report) {
    const restore = keepFocus(this.#place, this.#options.otherwise);
    this.#remember();
    this.watcher.disconnect();
    this.#readable = report.results.filter((result) => !result.error);
    this.#cards = [];
    const seen = new Map();
    const list = element(
      "div",
      { class: "cards" },
      report.results.map((result, index) => this.#cardOf(result, index, seen)),
    );
    const many = report.results.length > 1;
    this.#filter.show(many ? report.results : [], list);
    this.#filter.element.hidden = this.#forAll.hidden = !many;
    this.#tools.hidden = this.#readable.length === 0;
    this.#put(scoreboard(report), list);
    restore();
  }

  /** Shows something else than a report, or nothing. */
  clear(...nodes) {
    const restore = keepFocus(this.#place, this.#options.otherwise);
    this.#place.replaceChildren(...nodes);
    restore();
  }

  /** Says whether what is shown is of an earlier text or setting: then nobody can take it away. */
  set stale(isStale) {
    this.#isStale = isStale;
    if (isStale) {
      this.#place.setAttribute("aria-busy", "true");
    } else {
      this.#place.removeAttribute("aria-busy");
    }
    this.#disable();
  }

  // Not `disabled`, which would take the focus away.
  #disable() {
    const takers = [...this.#tools.querySelectorAll(TAKERS), ...this.#place.querySelectorAll(TAKERS)];
    takers.forEach((taker) =>
      this.#isStale ? taker.setAttribute("aria-disabled", "true") : taker.removeAttribute("aria-disabled"),
    );
  }

  #guard(event) {
    if (this.#isStale && event.target.closest(TAKERS)) {
      event.stopPropagation();
      announce("Not yet: the preview of your last change is on its way");
    }
  }

  #near(entries) {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => entry.target.card.draw());
    this.#disable();
  }

  #put(board, list) {
    if (this.#tools.parentNode === this.#place) {
      this.#tools.previousElementSibling.replaceWith(board);
      this.#tools.nextElementSibling.replaceWith(list);
    } else {
      this.#place.replaceChildren(board, this.#tools, list);
    }
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

  #cardOf(result, index, seen) {
    const object = identity(result);
    const number = (seen.get(object) ?? 0) + 1; // the same object may be there twice
    seen.set(object, number);
    const shown = result.error ? failureCard(result, this.#options.jump) : this.#readableCard(result, index, object);
    shown.identity = `${object} ${number}`;
    return shown;
  }

  #readableCard(result, index, object) {
    const card = new Card(result, index, { view: this.#options.view, watcher: this.watcher });
    this.#cards.push(card);
    const readable = this.#readable.length;
    const few = readable <= FEW && (Boolean(result.profile) || readable === 1);
    card.open(this.#opened.get(object) ?? few);
    return card.element;
  }

  #actions() {
    const yaml = () => this.#readable.map((result) => patchedYaml(result.diff)).join("---\n");
    const patches = () =>
      `${JSON.stringify(
        this.#readable.map(({ apiVersion, kind, namespace, name, patch }) => ({
          apiVersion,
          kind,
          namespace,
          name,
          patch,
        })),
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
    return element(
      "div",
      { class: "tool-row" },
      element("div", { class: "actions" }, openers),
      element("div", { class: "actions" }, takers),
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
  return JSON.stringify([result.error?.document, result.apiVersion, result.kind, result.namespace, result.name]);
}
