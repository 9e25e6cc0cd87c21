// Splits YAML into coloured parts, line by line: as much of the language as the server writes.

const LINE = /^(\s*)((?:-(?:\s+|$))*)(.*)$/;
const KEY =
  /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#[{&*|>-](?:(?!:\s).)*?|-[^\s](?:(?!:\s).)*?)(:)(?=\s|$)(\s*)(.*)$/;
const BLOCK = /^[|>][-+]?[0-9]?[-+]?$/;
const ATOM = /^(?:true|false|null|~|\{\}|\[\])$/;
const NUMBER = /^[-+]?(?:\d[\d_]*)?(?:\.\d+)?(?:e[-+]?\d+)?$/i;

/** Reads the lines of one document in their order: a text of several lines colours those that follow. */
export class Highlighter {
  #block = -1; // column of the key or dash that a literal block belongs to
  #quote = ""; // the quote that a text of several lines still waits for

  /** The parts of the next line, as [kind, text]; joined, the texts are the line. */
  parts(line) {
    if (this.#quote) {
      return this.#scalar(line);
    }
    if (this.#block >= 0) {
      if (line.trim() === "" || line.search(/\S/) > this.#block) {
        return [["text", line]];
      }
      this.#block = -1;
    }
    const [, indent, dashes, rest] = LINE.exec(line) ?? ["", "", "", line];
    const parts = [
      ["space", indent],
      ["mark", dashes],
    ];
    const key = KEY.exec(rest);
    if (key) {
      const [, name, colon, space, value] = key;
      parts.push(["key", name], ["mark", colon], ["space", space]);
      this.#value(value, indent.length + dashes.length, parts);
    } else {
      this.#value(rest, indent.length + Math.max(0, dashes.trimEnd().length - 1), parts);
    }
    return parts.filter(([, text]) => text !== "");
  }

  #value(text, column, parts) {
    if (BLOCK.test(text)) {
      this.#block = column;
      parts.push(["mark", text]);
    } else {
      parts.push(...this.#scalar(text));
    }
  }

  #scalar(text) {
    const opened = this.#quote === "" && /^["']/.test(text);
    if (this.#quote || opened) {
      const quote = this.#quote || text[0];
      this.#quote = closes(text, quote, opened ? 1 : 0) ? "" : quote;
      return [["text", text]];
    }
    if (ATOM.test(text)) {
      return [["atom", text]];
    }
    return [[/\d/.test(text) && NUMBER.test(text) ? "number" : "text", text]];
  }
}

function closes(text, quote, from) {
  for (let index = from; index < text.length; index += 1) {
    if (quote === '"' && text[index] === "\\") {
      index += 1;
    } else if (text[index] === quote) {
      if (quote === '"' || text[index + 1] !== quote) {
        return true;
      }
      index += 1;
    }
  }
  return false;
}
