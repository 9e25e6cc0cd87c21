// The settings in the page's address. Nothing else ever goes there: no manifest, no token.

const LIMITS = {
  profile: /^(?:restricted|baseline|privileged|namespace)$/,
  version: /^(?:latest|v1\.\d{1,3})$/,
  namespace: /^[a-z0-9-]{0,63}$/,
  view: /^(?:split|unified)$/,
};
export const DEFAULTS = { profile: "restricted", version: "latest", namespace: "", view: "split" };

/** The settings that the address says, and the defaults for what it does not. */
export function readAddress(search = location.search) {
  const query = new URLSearchParams(search);
  const said = Object.keys(DEFAULTS).map((name) => {
    const value = query.get(name) ?? "";
    return [name, LIMITS[name].test(value) ? value || DEFAULTS[name] : DEFAULTS[name]];
  });
  return Object.fromEntries(said);
}

/** Puts settings that are not the defaults into the address, without a step in the history. */
export function writeAddress(settings) {
  const query = new URLSearchParams();
  for (const name of Object.keys(DEFAULTS)) {
    if (settings[name] !== DEFAULTS[name] && LIMITS[name].test(settings[name])) {
      query.set(name, settings[name]);
    }
  }
  const search = query.toString();
  history.replaceState(null, "", location.pathname + (search && `?${search}`));
}
