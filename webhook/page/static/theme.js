// Light or dark: as the system says, until somebody chooses. Runs before the first paint. Only the choice is stored.

const KEY = "theme";
const root = document.documentElement;

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that stores nothing
  }
}

function store(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // as above; the choice then lasts as long as the page
  }
}

const chosen = stored();
if (chosen === "light" || chosen === "dark") {
  root.dataset.theme = chosen;
}

/** Makes `toggle` switch between light and dark; its aria-pressed says whether it is dark. */
export function bindTheme(toggle) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => toggle.setAttribute("aria-pressed", String(isDark()));
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    store(root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}
