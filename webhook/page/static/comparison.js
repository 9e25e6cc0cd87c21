// Shows a diff as a table, unified or side by side, with the unchanged parts folded.

import { count, drawing, element, unseen } from "./dom.js";
import { foldLines, pairLines, readDiff } from "./diff.js";
import { Highlighter } from "./yaml.js";

const STEP = 400; // rows that are built at once
const SIGNS = { "+": ["+", "added"], "-": ["−", "removed"], " ": ["", "same"] };

/** The table for `diff`; `view` is "split" or "unified". */
export function comparison(diff, view, title) {
  const lines = coloured(readDiff(diff));
  const split = view === "split";
  const entries = (run) => (split ? pairLines(run.lines) : run.lines);
  const rowOf = (entry) => (entry.folded ? foldedRow(entry) : split ? splitRow(entry) : unifiedRow(entry));
  const foldedRow = (run) =>
    opener("fold", count(run.lines.length, "unchanged line"), () => stepped(entries(run), rowOf));
  const all = foldLines(lines).flatMap((run) => (run.folded ? [run] : entries(run)));
  const body = element("tbody", {}, stepped(all, rowOf));
  const headings = split
    ? ["line before", "before", "line after", "after"]
    : ["line before", "line after", "sign", "document"];
  return element(
    "table",
    { class: `diff ${view}` },
    element("caption", { class: "unseen" }, title),
    element(
      "colgroup",
      {},
      (split ? ["number", "code", "number", "code"] : ["number", "number", "sign", "code"]).map((kind) =>
        element("col", { class: kind }),
      ),
    ),
    element(
      "thead",
      { class: "unseen" },
      element(
        "tr",
        {},
        headings.map((text) => element("th", { scope: "col" }, text)),
      ),
    ),
    body,
  );
}

// The first rows, and a button that brings the next.
function stepped(entries, rowOf) {
  const rows = entries.slice(0, STEP).map(rowOf);
  const rest = entries.slice(STEP);
  const label = `Show ${Math.min(rest.length, STEP)} more of ${count(rest.length, "further row")}`;
  return rest.length ? [...rows, opener("plus", label, () => stepped(rest, rowOf))] : rows;
}

function coloured(lines) {
  const before = new Highlighter();
  const after = new Highlighter();
  return lines.map((line) => {
    const was = line.before === null ? null : before.parts(line.text);
    const becomes = line.after === null ? null : after.parts(line.text);
    return { ...line, parts: becomes ?? was };
  });
}

function unifiedRow(line) {
  const [sign, change] = SIGNS[line.sign];
  return element(
    "tr",
    { class: change },
    number(line.before),
    number(line.after),
    element("td", { class: "sign" }, sign),
    code(line),
  );
}

function splitRow([left, right]) {
  const side = (line, numbered) =>
    line
      ? [number(numbered, SIGNS[line.sign][1]), code(line, SIGNS[line.sign][1], SIGNS[line.sign][0])]
      : [element("td", { class: "number void" }), element("td", { class: "code void" })];
  return element("tr", {}, side(left, left?.before), side(right, right?.after));
}

function number(value, change = "") {
  return element("td", { class: `number ${change}` }, value ?? "");
}

function code(line, change = "", sign = "") {
  const text = element(line.sign === "+" ? "ins" : line.sign === "-" ? "del" : "span", { class: "line" });
  text.append(
    ...line.parts.map(([kind, part]) => (kind === "space" ? part : element("span", { class: `y-${kind}` }, part))),
  );
  const depth = /^\s*(?:- )*/.exec(line.text)[0].length;
  text.style.setProperty("--depth", String(Math.min(depth, 24)));
  return element(
    "td",
    { class: `code ${change}` },
    sign && element("span", { class: "sign", "aria-hidden": "true" }, sign),
    line.sign !== " " && unseen(`${SIGNS[line.sign][1]}: `),
    text,
  );
}

// A row with a button that puts `rows()` in its place, and the focus there.
function opener(sign, label, rows) {
  const row = element("tr", { class: "folded" });
  const open = () => {
    const shown = rows();
    const first = shown[0].querySelector(".code, button");
    row.replaceWith(...shown);
    if (first.localName !== "button") {
      first.tabIndex = -1;
    }
    first.focus({ preventScroll: true });
  };
  row.append(
    element("td", { colspan: 4 }, element("button", { type: "button", onclick: open }, drawing(sign), label)),
  );
  return row;
}
