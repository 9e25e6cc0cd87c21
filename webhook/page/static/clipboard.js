// Copies and downloads texts.

import { announce } from "./announcement.js";
import { element } from "./dom.js";

const SHOWN = 1600; // ms
const FAILURE_SHOWN = 4000; // it is to be read
const timers = new WeakMap();

/** Copies `text`, and says so on the button for a moment. */
export async function copy(text, pressed, what) {
  const done = (await viaClipboard(text)) || viaSelection(text, pressed);
  const forget = () => {
    delete pressed.dataset.copied;
    pressed.querySelector(".failed")?.remove();
  };
  forget();
  pressed.dataset.copied = String(done);
  if (!done) {
    pressed.append(element("span", { class: "failed", "aria-hidden": "true" }, "Not copied"));
  }
  announce(done ? `${what} copied` : `${what} could not be copied: the browser does not allow it`);
  clearTimeout(timers.get(pressed));
  timers.set(
    pressed,
    setTimeout(forget, done ? SHOWN : FAILURE_SHOWN),
  );
}

async function viaClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// Without TLS, other than on loopback, a browser has no clipboard for pages: then the older way.
function viaSelection(text, pressed) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  field.readOnly = true;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  pressed.focus();
  return done;
}

/** Saves `text` as a file. */
export function download(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  announce(`${name} downloaded`);
}

/** A file's name for an object. */
export function fileName(result, ending) {
  const words = [result.kind, result.name].filter(Boolean).join("-").toLowerCase();
  const safe = words
    .replaceAll(/[^a-z0-9.-]+/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "")
    .slice(0, 80);
  return `${safe || "object"}${ending}`;
}
