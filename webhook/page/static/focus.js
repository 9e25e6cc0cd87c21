// Keeps the keyboard's place while reports come and go.

/** Call before `place` changes; what it returns, called afterwards, brings the focus back, or else to `otherwise`. */
export function keepFocus(place, otherwise) {
  const focused = document.activeElement;
  if (!place.contains(focused)) {
    return () => {};
  }
  return () => {
    if (focused.isConnected && focused.checkVisibility()) {
      return;
    }
    const target = counterpart(focused, place);
    target?.focus({ preventScroll: true });
    if (!target || document.activeElement !== target) {
      otherwise.focus({ preventScroll: true });
    }
  };
}

// The same control on the card of the same object; where that is gone, the card's first.
function counterpart(focused, place) {
  const before = focused.closest(".card");
  const after = before && [...place.querySelectorAll(".card")].find(({ identity }) => identity === before.identity);
  if (!after) {
    return null;
  }
  after.card?.draw();
  const isAlike = (control) => control.localName === focused.localName && control.textContent === focused.textContent;
  const index = controls(before).filter(isAlike).indexOf(focused);
  return controls(after).filter(isAlike)[index] ?? controls(after)[0];
}

function controls(card) {
  return [...card.querySelectorAll("button, summary")];
}
