// The text field with its line numbers, and everything by which text comes into it.

import { announce } from "./announcement.js";

const MOST_BYTES = 16 * 1024 * 1024; // more would only tie up the browser; servers take less

/** The editor around a textarea. `changed()` is called after every change. */
export class Editor {
  #text;
  #numbers;
  #frame;
  #changed;
  #lines = 1;
  #own = false; // whether a person wrote what stands here

  constructor(frame, changed) {
    this.#frame = frame;
    this.#text = frame.querySelector("textarea");
    this.#numbers = frame.querySelector(".numbers");
    this.#changed = changed;
    this.#text.addEventListener("input", () => this.#input(true));
    this.#text.addEventListener("scroll", () => this.#scroll());
    this.#own = this.#text.value !== ""; // typed before this ran; no browser stores it, for autocomplete is off
    this.#number();
  }

  get value() {
    return this.#text.value;
  }

  /** Replaces the text, e.g. by an example, which the next files may then replace. */
  replace(text) {
    this.#text.value = text;
    this.#text.scrollTop = 0;
    this.#input(false);
  }

  /** Adds text that a person brought, after what a person brought before. */
  add(text) {
    const before = this.#own && this.#text.value.trim() ? [this.#text.value.trimEnd()] : [];
    this.#text.value = join([...before, text]);
    this.#input(true);
  }

  /** Adds files, and says which could not be read. */
  async addFiles(files) {
    const chosen = [...files];
    const bytes = chosen.reduce((sum, file) => sum + file.size, 0);
    if (bytes > MOST_BYTES) {
      return "These files are too large to preview at once: together they may have 16 MiB.";
    }
    const unreadable = [];
    const texts = [];
    for (const file of chosen) {
      try {
        texts.push(decode(await file.arrayBuffer()).trimEnd());
      } catch {
        unreadable.push(file.name);
      }
    }
    if (texts.length) {
      this.add(`${join(texts)}\n`);
      announce(`${texts.length} of ${chosen.length} files added`);
    }
    return unreadable.length ? `Not added, as it is no text or cannot be read: ${unreadable.join(", ")}` : "";
  }

  focus() {
    this.#text.focus();
  }

  /** Selects a line, counted from 1, and brings it into view. */
  jump(line) {
    const lines = this.#text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    this.#frame.scrollIntoView({ block: "nearest" });
    this.#text.focus({ preventScroll: true });
    this.#text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    const height = this.#text.scrollHeight / Math.max(lines.length, 1);
    this.#text.scrollTop = Math.max(0, (line - 1) * height - this.#text.clientHeight / 3);
    this.#text.scrollLeft = 0;
  }

  /** Marks lines in the margin. */
  mark(lines) {
    const marks = lines.map((line) => {
      const mark = document.createElement("i");
      mark.style.setProperty("--line", String(line - 1));
      return mark;
    });
    this.#numbers.querySelectorAll("i").forEach((mark) => mark.remove());
    this.#numbers.append(...marks);
  }

  #input(own) {
    this.#own = own && this.#text.value !== "";
    this.#number();
    this.mark([]);
    this.#changed();
  }

  #number() {
    const lines = this.#text.value.split("\n").length;
    if (lines !== this.#lines || this.#numbers.childNodes.length === 0) {
      this.#lines = lines;
      const numbers = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
      this.#numbers.replaceChildren(numbers);
    }
    this.#scroll();
  }

  #scroll() {
    this.#numbers.style.transform = `translateY(${-this.#text.scrollTop}px)`;
  }
}

// Behind `---` no directive such as %YAML may stand, behind `...` it may.
function join(texts) {
  const isDirective = (text) => /^(?:[ \t]*(?:#.*)?[\r\n])*%/.test(text);
  return texts.reduce((all, text) => `${all}\n${isDirective(text) ? "..." : "---"}\n${text}`);
}

// As the server reads: UTF-8, or with a byte order mark UTF-16.
function decode(buffer) {
  const [first, second] = new Uint8Array(buffer, 0, Math.min(2, buffer.byteLength));
  const encoding =
    first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding, { fatal: true }).decode(buffer);
}

/** Lets files be dropped, and text pasted, anywhere on the page. */
export function acceptAnywhere(editor, failed) {
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const over = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", (event) => isFiles(event) && over(1));
  document.addEventListener("dragleave", (event) => isFiles(event) && over(-1));
  document.addEventListener("dragover", (event) => isFiles(event) && event.preventDefault());
  document.addEventListener("drop", async (event) => {
    if (isFiles(event)) {
      event.preventDefault();
      over(-depth);
      failed(await editor.addFiles(event.dataTransfer.files));
    }
  });
  document.addEventListener("paste", async (event) => {
    if (event.target.closest?.("input, textarea")) {
      return; // the browser's own
    }
    event.preventDefault();
    if (event.clipboardData.files.length) {
      failed(await editor.addFiles(event.clipboardData.files));
    } else {
      editor.add(event.clipboardData.getData("text/plain"));
    }
  });
}
