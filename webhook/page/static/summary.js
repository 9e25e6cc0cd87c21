// The scoreboard above the cards: how many comply, before and after.

import { count, element } from "./dom.js";

/** One sentence for everybody, and for the live region. */
export function summarySentence(report) {
  const { objects, compliant_before: before, compliant_after: after } = report.summary;
  const broken = report.results.filter((result) => result.error).length;
  const plain = report.results.length - objects - broken;
  const withPods = objects === 1 ? "1 object with a pod" : `${objects} objects with pods`;
  const parts = [
    objects > 0 && `${withPods}: ${before} compliant as written, ${after} with defaults`,
    plain > 0 && `${count(plain, objects ? "other" : "object")} without a pod`,
    broken > 0 && `${count(broken, "document")} cannot be read`,
  ].filter(Boolean);
  return parts.length ? `${parts.join("; ")}.` : "No object in this text.";
}

/** The scoreboard. */
export function scoreboard(report) {
  const { objects, compliant_before: before, compliant_after: after } = report.summary;
  const bars = objects > 0 && [bar("As written", before, objects), bar("With defaults", after, objects)];
  return element(
    "div",
    { class: "scoreboard" },
    element("p", { class: "sentence" }, headline(report)),
    bars && element("div", { class: "bars" }, bars),
    rest(report),
  );
}

function headline({ summary, results }) {
  if (summary.objects === 0) {
    return results.length ? "No object with a pod in it" : "No object in this text";
  }
  if (summary.compliant_after === summary.objects) {
    const already = summary.compliant_before === summary.objects;
    const all = summary.objects === 1 ? "It complies" : `All ${summary.objects} comply`;
    return already ? `${all} as written` : `${all} with defaults`;
  }
  return `${summary.compliant_after} of ${summary.objects} comply with defaults`;
}

function rest(report) {
  const broken = report.results.filter((result) => result.error).length;
  const plain = report.results.length - report.summary.objects - broken;
  const parts = [
    plain > 0 && `${count(plain, "object")} without a pod`,
    broken > 0 && `${count(broken, "document")} cannot be read`,
  ].filter(Boolean);
  return parts.length > 0 && element("p", { class: "rest" }, parts.join(" · "));
}

function bar(label, part, whole) {
  const filled = element("span", { class: "filled" });
  filled.style.setProperty("--part", String(part / whole));
  return [
    element("span", { class: "bar-label" }, label),
    element("span", { class: "bar", "aria-hidden": "true" }, filled),
    element("span", { class: "bar-count" }, element("b", {}, String(part)), ` of ${whole} compliant`),
  ];
}
