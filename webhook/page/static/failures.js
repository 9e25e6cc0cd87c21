// Documents that could not be read: which, where, why, and a way to the line.

import { button, drawing, element, prose } from "./dom.js";

/** The card of an unreadable document. `jump(line)` leads to a line of the editor. */
export function failureCard({ error }, jump) {
  const place = error.line ? `, line ${error.line}` : "";
  return element(
    "article",
    { class: "card error" },
    element(
      "div",
      { class: "card-head" },
      element("h3", {}, drawing("cross"), `Document ${error.document} cannot be read`),
      error.line > 0 && button(`Go to line ${error.line}`, () => jump(error.line), { class: "button jump" }),
    ),
    element(
      "p",
      { class: "message" },
      error.field && [element("code", {}, error.field), ": "],
      prose(error.message),
      element("span", { class: "unseen" }, place),
    ),
  );
}

/** Why there is no report at all; with `useToken`, a field for one. */
export function refusalNotice(refused, useToken) {
  return element(
    "div",
    { class: "trouble" },
    element("h3", {}, drawing("warning"), refused.message),
    element("p", {}, refused.advice),
    refused.said && element("p", { class: "said" }, "The server says: ", element("q", {}, refused.said)),
    refused.needsToken && tokenForm(useToken),
  );
}

function tokenForm(useToken) {
  const field = element("input", {
    type: "password",
    id: "token",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "token-hint",
  });
  const submit = (event) => {
    event.preventDefault();
    const token = field.value.trim().replace(/^Bearer\s+/i, "");
    field.value = ""; // the page's variable has it now, and nothing else
    if (/^[\x21-\x7e]+$/.test(token)) {
      useToken(token);
    } else {
      field.focus();
    }
  };
  return element(
    "form",
    { class: "token", onsubmit: submit },
    element("label", { for: "token" }, "Bearer token"),
    element(
      "div",
      { class: "row" },
      field,
      element("button", { type: "submit", class: "button primary" }, "Use token"),
    ),
    element(
      "p",
      { class: "hint", id: "token-hint" },
      "For example of ",
      element("code", {}, "kubectl create token ACCOUNT"),
      ". It is kept in this tab’s memory, sent to this server as a header only, and gone when you reload.",
    ),
  );
}
