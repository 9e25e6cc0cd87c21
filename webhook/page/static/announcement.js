// What a screen reader is told while nothing else changes place.

const region = document.getElementById("announcement");

/** Says `text` politely, also where it is the same as the last. */
export function announce(text) {
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}
