// What is shown while there is nothing to show.

import { button, drawing, element } from "./dom.js";
import { BROKEN, TYPICAL } from "./examples.js";

const POINTS = [
  ["plus", "applied", "What is added", "The settings a pod leaves unset, line by line, ready to copy."],
  ["equal", "kept", "What is left alone", "Nothing that an author set is changed; each default says why it held back."],
  ["warning", "conflict", "What still violates", "The field to change, in the words of the Pod Security Standards."],
];

/** The empty state; `tryIt(text)` puts an example into the editor. */
export function welcome(tryIt) {
  return element(
    "div",
    { class: "welcome" },
    element("p", { class: "lead" }, "Would your pods pass ", element("em", {}, "restricted"), "?"),
    element(
      "p",
      {},
      "Paste manifests, or drop files anywhere. You see at once what the webhook would add, ",
      "what it leaves alone and why, and what only you can change.",
    ),
    element(
      "div",
      { class: "tries" },
      button("Try an example", () => tryIt(TYPICAL), { class: "button primary" }),
      button("Try one with a mistake", () => tryIt(BROKEN)),
    ),
    element(
      "ul",
      { class: "points" },
      POINTS.map(([sign, state, title, text]) =>
        element(
          "li",
          {},
          element("span", { class: `mark ${state} round` }, drawing(sign)),
          element("div", {}, element("strong", {}, title), element("p", {}, text)),
        ),
      ),
    ),
  );
}
