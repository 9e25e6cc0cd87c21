// Says in words where a JSON Pointer points to: which container, which field.

const CONTAINERS = {
  containers: "container",
  initContainers: "init container",
  ephemeralContainers: "ephemeral container",
};

/** {owner, field} of a pointer into `object`: owner is "pod" or e.g. `container nginx`. */
export function placeOf(pointer, object) {
  const tokens = pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
  let value = object;
  for (const [index, token] of tokens.entries()) {
    const kind = Object.hasOwn(CONTAINERS, tokens[index - 1]) ? CONTAINERS[tokens[index - 1]] : "";
    value = isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined;
    if (kind && /^\d+$/.test(token) && tokens[index - 2] === "spec") {
      const name = isObject(value) && typeof value.name === "string" ? value.name : token;
      return { owner: kind, name, field: fieldOf(tokens.slice(index + 1)) };
    }
  }
  return { owner: "pod", name: "", field: fieldOf(tokens.slice(tokens.lastIndexOf("spec") + 1)) };
}

function isObject(value) {
  return typeof value === "object" && value !== null;
}

function fieldOf(tokens) {
  return tokens.map((token, index) => (/^\d+$/.test(token) ? `[${token}]` : (index ? "." : "") + token)).join("");
}
