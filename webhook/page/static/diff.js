// Reads a unified diff that holds a whole document, and arranges its lines. No elements here.

/** The lines as {sign, text, before, after}; the last two are line numbers, null where the line is not there. */
export function readDiff(diff) {
  const lines = diff.split("\n");
  const from = lines.findIndex((line) => line.startsWith("@@")) + 1;
  const numbers = { before: 0, after: 0 };
  return lines
    .slice(from)
    .filter((line) => line !== "")
    .map((line) => ({
      sign: line[0],
      text: line.slice(1),
      before: line[0] === "+" ? null : (numbers.before += 1),
      after: line[0] === "-" ? null : (numbers.after += 1),
    }));
}

/** The YAML of the document as patched. */
export function patchedYaml(diff) {
  const kept = readDiff(diff).filter((line) => line.after !== null);
  return kept.map((line) => `${line.text}\n`).join("");
}

/** How many lines are added and removed. */
export function countChanges(lines) {
  const added = lines.filter((line) => line.sign === "+").length;
  return { added, removed: lines.filter((line) => line.sign === "-").length };
}

const LEAST_FOLDED = 4; // fewer lines than this are shown: a button would take as much room

/** Runs of lines as {lines, folded}: what is far from every change is folded. */
export function foldLines(lines, context = 3) {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, index) => {
    if (line.sign !== " ") {
      near.fill(1, Math.max(0, index - context), index + context + 1);
    }
  });
  const runs = [];
  lines.forEach((line, index) => {
    const folded = !near[index];
    if (runs.length === 0 || runs.at(-1).folded !== folded) {
      runs.push({ folded, lines: [] });
    }
    runs.at(-1).lines.push(line);
  });
  return runs.map((run) => ({ ...run, folded: run.folded && run.lines.length >= LEAST_FOLDED }));
}

/** Pairs [left, right] for a view side by side; a side is null where its document has no such line. */
export function pairLines(lines) {
  const pairs = [];
  let removed = [];
  let added = [];
  const flush = () => {
    for (let index = 0; index < Math.max(removed.length, added.length); index += 1) {
      pairs.push([removed[index] ?? null, added[index] ?? null]);
    }
    removed = [];
    added = [];
  };
  for (const line of lines) {
    if (line.sign === "-") {
      removed.push(line);
    } else if (line.sign === "+") {
      added.push(line);
    } else {
      flush();
      pairs.push([line, line]);
    }
  }
  flush();
  return pairs;
}
