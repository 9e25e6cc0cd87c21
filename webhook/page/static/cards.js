// One card for each result. What is inside is built when it is opened and comes near the window.

import { copy, download, fileName } from "./clipboard.js";
import { comparison } from "./comparison.js";
import { countChanges, patchedYaml, readDiff } from "./diff.js";
import { count, drawing, element, unseen, verbs } from "./dom.js";
import { decisions, remaining, starts, warnings } from "./findings.js";

/** The card of a result. `card.open(true)` shows its inside; `card.redraw()` after the view has changed. */
export class Card {
  #body;
  #toggle;
  #view;
  #drawn = false;

  constructor(result, number, { view, watcher }) {
    this.result = result;
    this.#view = view;
    this.watcher = watcher;
    const id = `card-${number}`;
    this.#toggle = element(
      "button",
      {
        type: "button",
        class: "toggle",
        "aria-expanded": "false",
        "aria-controls": id,
        onclick: () => this.press(!this.isOpen),
      },
      drawing("chevron"),
      element("bdi", { class: "kind" }, result.kind || "no kind"),
      " ",
      element("bdi", { class: "name" }, result.name || "(without a name)"),
    );
    this.#body = element("div", { class: "card-body", id, hidden: true });
    const where = result.namespace && element("span", { class: "where" }, "in ", element("bdi", {}, result.namespace));
    const head = element("div", { class: "card-head" }, element("h3", {}, this.#toggle), where, badges(result));
    this.element = element("article", { class: `card ${fate(result)}` }, head, this.#body);
    this.element.card = this;
  }

  get isOpen() {
    return this.#toggle.getAttribute("aria-expanded") === "true";
  }

  /** As `open`, by a person, which the next report remembers. */
  press(isOpen) {
    this.touched = true;
    this.open(isOpen);
  }

  open(isOpen) {
    this.#toggle.setAttribute("aria-expanded", String(isOpen));
    this.#body.hidden = !isOpen;
    if (isOpen && !this.#drawn) {
      this.watcher.observe(this.element);
    }
  }

  /** Builds the inside; once. */
  draw() {
    this.watcher.unobserve(this.element);
    if (!this.#drawn && this.isOpen) {
      this.#drawn = true;
      this.#body.replaceChildren(...inside(this.result, this.#view()));
    }
  }

  redraw() {
    const shown = this.#body.querySelector(".diff");
    if (shown && !shown.classList.contains(this.#view())) {
      shown.replaceWith(table(this.result, this.#view()));
    }
  }
}

/** In one word what became of it: error, plain (no pod), remains, fixed or compliant. */
export function fate(result) {
  if (result.error) {
    return "error";
  }
  if (!result.profile) {
    return "plain";
  }
  if (result.violations.after.length) {
    return "remains";
  }
  return result.violations.before.length ? "fixed" : "compliant";
}

function badges(result) {
  if (!result.profile) {
    return element("p", { class: "badges" }, element("span", { class: "badge neutral" }, "no pod in it"));
  }
  const { before, after } = result.violations;
  return element(
    "p",
    { class: "badges" },
    badge(before, "as written"),
    drawing("arrow"),
    badge(after, "with defaults"),
  );
}

function badge(violations, when) {
  const good = violations.length === 0;
  return element(
    "span",
    { class: `badge ${good ? "good" : "bad"}` },
    drawing(good ? "check" : "cross"),
    unseen(`${when}: `),
    good ? "compliant" : count(violations.length, "violation"),
  );
}

function inside(result, view) {
  if (!result.profile) {
    return [
      note("There is no pod in this object: it passes through as it is."),
      changes(result, view),
      result.warnings.length > 0 && warnings(result.warnings),
    ].filter(Boolean);
  }
  const { after } = result.violations;
  return [
    after.length > 0 && remaining(after, result.edits ?? []),
    verdict(result),
    result.starts.length > 0 && section("Whether its containers start", starts(result.starts)),
    changes(result, view),
    result.defaults.length > 0 && section("What became of each default", decisions(result.defaults, result.patched)),
    result.warnings.length > 0 && warnings(result.warnings),
  ].filter(Boolean);
}

function verdict({ allowed, violations, profile }) {
  if (!allowed) {
    return note("Admission would refuse it like this.");
  }
  if (violations.after.length) {
    return note(`It violates ${profile}, but the namespace enforces less: it would be admitted.`);
  }
  return profile.startsWith("privileged:") ? note("At privileged nothing is asked for, and nothing is added.") : null;
}

function note(text) {
  return element("p", { class: "note" }, text);
}

function section(title, ...children) {
  return element("section", {}, element("h4", {}, title), children);
}

function changes(result, view) {
  const { added, removed } = countChanges(readDiff(result.diff));
  const title = added || removed ? "What changes" : "Nothing changes";
  const counts =
    (added > 0 || removed > 0) &&
    element(
      "span",
      { class: "counts" },
      element("span", { class: "added" }, `+${added}`, unseen(added === 1 ? " line added" : " lines added")),
      " ",
      removed > 0 && element("span", { class: "removed" }, `−${removed}`, unseen(" removed")),
    );
  const yaml = () => patchedYaml(result.diff);
  const patch = () => `${JSON.stringify(result.patch, null, 2)}\n`;
  const of = `of ${result.kind} ${result.name}`;
  const isPatched = result.patch.length > 0;
  return element(
    "section",
    { class: "changes" },
    element(
      "div",
      { class: "section-head" },
      element("h4", {}, title, counts),
      element(
        "div",
        { class: "actions" },
        verbs("Copy", of, {
          YAML: (pressed) => copy(yaml(), pressed, "YAML"),
          Patch: isPatched && ((pressed) => copy(patch(), pressed, "Patch")),
        }),
        verbs("Download", of, {
          YAML: () => download(yaml(), fileName(result, ".yaml"), "application/yaml"),
          Patch: isPatched && (() => download(patch(), fileName(result, ".patch.json"), "application/json")),
        }),
      ),
    ),
    table(result, view),
  );
}

function table(result, view) {
  return comparison(result.diff, view, `${result.kind} ${result.name}, line by line`);
}
