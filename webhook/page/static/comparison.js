// Shows a diff as a table, unified or side by side, with the unchanged parts folded.

import { count, drawing, element, unseen } from "./dom.js";
import { foldLines, pairLines, readDiff } from "./diff.js";
import { Highlighter } from "./yaml.js";

const SIGNS = { "+": ["+", "added"], "-": ["−", "removed"], " ": ["", "same"] };

/** The table for `diff`; `view` is "split" or "unified". */
export function comparison(diff, view, title) {
  const lines = coloured(readDiff(diff));
  const split = view === "split";
  const body = element("tbody");
  for (const run of foldLines(lines)) {
    const rows = () => (split ? pairLines(run.lines).map(splitRow) : run.lines.map(unifiedRow));
    body.append(...(run.folded ? [foldedRow(run.lines.length, rows, split)] : rows()));
  }
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

function foldedRow(length, rows, split) {
  const row = element("tr", { class: "folded" });
  const unfold = () => {
    const shown = rows();
    const first = shown[0].querySelector(".code");
    row.replaceWith(...shown);
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  };
  const label = [drawing("fold"), `${count(length, "unchanged line")}`];
  row.append(
    element(
      "td",
      { colspan: 4 },
      element("button", { type: "button", onclick: unfold, class: split ? "wide" : "" }, label),
    ),
  );
  return row;
}
