// What a card says in words: what remains to be done, what became of each default, and the warnings.

import { CAUSES } from "./causes.js";
import { CHECKS } from "./checks.js";
import { DEFAULTS } from "./defaults.js";
import { count, drawing, element, prose } from "./dom.js";
import { placeOf } from "./places.js";
import { REASONS, STATES } from "./reasons.js";

const SIGNS = { applied: "plus", kept: "equal", skipped: "minus", conflict: "warning" };
const ORDER = ["conflict", "applied", "skipped", "kept"];

/** The violations that no default removes: the shortest edits after which none remains, then what each is about. */
export function remaining(violations, edits) {
  const asking = new Set((edits.length > 0 ? edits : violations).map((row) => row.id));
  return element(
    "section",
    { class: "remaining" },
    element("h4", {}, `${count(edits.length || violations.length, "thing")} only you can change`),
    edits.length > 0 && element("ol", { class: "edits" }, edits.map(editItem)),
    element(
      "ul",
      {},
      violations.map((violation) => violationItem(violation, asking.has(violation.id))),
    ),
  );
}

function editItem(edit) {
  return element(
    "li",
    {},
    element("code", {}, edit.text),
    edit.line > 0 && element("span", { class: "line" }, ` line ${edit.line}`),
  );
}

function violationItem(violation, asks) {
  const check = Object.hasOwn(CHECKS, violation.id) ? CHECKS[violation.id] : null;
  return element(
    "li",
    {},
    element(
      "p",
      { class: "what" },
      element("strong", {}, check?.title ?? violation.reason),
      " ",
      element("code", { class: "id" }, violation.id),
    ),
    check && (asks ? whatToChange(check) : element("p", { class: "change" }, "This is mended by what is listed above.")),
    element(
      "p",
      { class: "upstream" },
      element("span", {}, "Kubernetes says: "),
      element("q", {}, violation.reason + (violation.detail && ` (${violation.detail})`)),
    ),
  );
}

function whatToChange(check) {
  const fields = codes(check.field.split(", "));
  return element("p", { class: "change" }, "Change ", fields, ". To pass: ", prose(check.fix), ".");
}

function codes(fields) {
  return fields.map((field, index) => [index ? ", " : "", element("code", {}, field)]);
}

/** Every default, under its state and reason: those of one fate stand together, and what it means is said once. */
export function decisions(rows, patched) {
  const sorted = [...group(rows, (row) => `${row.state} ${row.reason}`)].sort(
    ([one], [other]) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state),
  );
  return element(
    "ul",
    { class: "decisions" },
    sorted.map((fate) => fateItem(fate, patched)),
  );
}

function group(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const name = key(row);
    groups.set(name, groups.get(name) ?? []);
    groups.get(name).push(row);
  }
  return groups.values();
}

function fateItem(rows, patched) {
  const [{ state, reason }] = rows;
  const explained = Object.hasOwn(REASONS, reason) ? REASONS[reason] : { means: reason, advice: "" };
  const advice = explained.advice.startsWith("Nothing.") ? "" : explained.advice;
  const defaults = [...group(rows, (row) => row.id)];
  return element(
    "li",
    { class: `decision ${state}` },
    stateMark(state),
    element(
      "div",
      { class: "told" },
      element("p", { class: "why" }, prose(explained.means), " ", element("code", { class: "id" }, reason)),
      advice && element("p", { class: "advice" }, prose(advice)),
      element(
        "ul",
        { class: "settings-list" },
        defaults.map((places) => defaultItem(places, patched)),
      ),
    ),
  );
}

function defaultItem(rows, patched) {
  const [{ id }] = rows;
  const title = Object.hasOwn(DEFAULTS, id) ? DEFAULTS[id] : id;
  return element(
    "li",
    {},
    element("p", { class: "what" }, element("strong", {}, title), " ", element("code", { class: "id" }, id)),
    element("ul", { class: "places" }, placeItems(rows, patched)),
  );
}

function stateMark(state) {
  const title = Object.hasOwn(STATES, state) ? STATES[state].title : state;
  return element(
    "span",
    { class: `mark ${state}` },
    drawing(Object.hasOwn(SIGNS, state) ? SIGNS[state] : "minus"),
    title,
  );
}

// The same value of the same field stands once, with all who got it.
function placeItems(rows, patched) {
  const placed = rows.map((row) => ({ ...placeOf(row.path, patched), value: row.value }));
  return [...group(placed, ({ owner, field, value }) => JSON.stringify([owner, field, value]))].map(placeItem);
}

function placeItem(places) {
  const [{ owner, field, value }] = places;
  const names = places
    .filter((place) => place.name)
    .map((place, index) => [index ? ", " : " ", element("bdi", {}, place.name)]);
  const owners = names.length > 1 ? `${owner}s` : owner;
  const said = value === undefined || value === null ? field : `${field} = ${JSON.stringify(value)}`;
  return element("li", {}, element("code", {}, said), " ", element("span", { class: "owner" }, owners, names));
}

const FORECASTS = {
  "will-not-start": { title: "Will not start", look: "conflict", sign: "cross" },
  unknown: { title: "Unknown", look: "skipped", sign: "warning" },
  runs: { title: "Runs", look: "applied", sign: "check" },
};

/** Whether each container starts, those that will not first: containers of one cause stand together. */
export function starts(rows) {
  const order = Object.keys(FORECASTS);
  const sorted = [...group(rows, (row) => JSON.stringify([row.forecast, row.cause, row.message]))].sort(
    ([one], [other]) => order.indexOf(one.forecast) - order.indexOf(other.forecast),
  );
  return element("ul", { class: "starts" }, sorted.map(startItem));
}

function startItem(rows) {
  const [{ forecast, cause, message }] = rows;
  const shown = Object.hasOwn(FORECASTS, forecast) ? FORECASTS[forecast] : FORECASTS.unknown;
  const explained = cause && Object.hasOwn(CAUSES, cause) ? CAUSES[cause] : null;
  return element(
    "li",
    { class: "decision" },
    element("span", { class: `mark ${shown.look}` }, drawing(shown.sign), shown.title),
    element(
      "div",
      { class: "told" },
      message && element("p", { class: "upstream" }, "because: ", element("q", {}, message)),
      explained && element("p", { class: "why" }, prose(explained.means), " ", element("code", { class: "id" }, cause)),
      explained && element("p", { class: "advice" }, prose(explained.advice)),
      element(
        "ul",
        { class: "places" },
        rows.map((row) =>
          element("li", {}, "container ", element("bdi", {}, row.container), " ", element("code", {}, row.image)),
        ),
      ),
    ),
  );
}

/** What applying the object would warn of. */
export function warnings(texts) {
  return element(
    "details",
    { class: "warnings" },
    element("summary", {}, `${count(texts.length, "warning")} that kubectl would print`),
    element(
      "ul",
      {},
      texts.map((text) => element("li", {}, text)),
    ),
  );
}
