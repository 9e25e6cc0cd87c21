// Puts the page together: the settings, the editor, the server's answers.

import { DEFAULTS, readAddress, writeAddress } from "./address.js";
import { announce } from "./announcement.js";
import { copy } from "./clipboard.js";
import { acceptAnywhere, Editor } from "./editor.js";
import { TYPICAL } from "./examples.js";
import { refusalNotice } from "./failures.js";
import { keepFocus } from "./focus.js";
import { ReportView } from "./report.js";
import { ask, Refusal } from "./request.js";
import { summarySentence } from "./summary.js";
import { bindTheme } from "./theme.js";
import { welcome } from "./welcome.js";

const PAUSE = 400; // ms after the last keystroke
const LONG_PAUSE = 1500; // for texts that take the server a while
const LONG_TEXT = 200_000; // characters

const CHECK_FIELDS = ["profile", "version", "namespace"];

const byId = (id) => document.getElementById(id);
const settings = readAddress();
const narrow = matchMedia("(max-width: 64rem)");
const outcome = byId("outcome");
let token = ""; // here, and nowhere else
let timer = 0;
let running = null;
let told = null; // the refusal that is shown

const view = () => (narrow.matches ? "unified" : settings.view);
view.chosen = () => settings.view;

const editor = new Editor(byId("editor"), () => edited(editor.value.length > LONG_TEXT ? LONG_PAUSE : PAUSE));
const reports = new ReportView(outcome, {
  view,
  setView: (value) => change({ view: value }, () => reports.redraw()),
  jump: (line) => editor.jump(line),
  otherwise: byId("results"),
});

// What is shown is out of date from now on, also where an answer is on its way.
function edited(pause) {
  running?.abort();
  running = null;
  reports.stale = true;
  schedule(pause);
}

function schedule(pause) {
  clearTimeout(timer);
  timer = setTimeout(run, pause);
}

async function run() {
  clearTimeout(timer);
  running?.abort();
  if (editor.value.trim() === "") {
    running = null;
    showNothing();
    return;
  }
  const mine = (running = new AbortController());
  reports.stale = true;
  try {
    const report = await ask(editor.value, settings, token, mine.signal);
    if (running === mine) {
      showReport(report);
    }
  } catch (error) {
    if (error.name !== "AbortError" && running === mine) {
      showRefusal(error);
    }
  } finally {
    if (running === mine) {
      running = null;
      reports.stale = false;
    }
  }
}

function showNothing() {
  reports.stale = false;
  tell(null);
  reports.clear(
    welcome((text) => {
      editor.replace(text);
      byId("results").focus({ preventScroll: true });
      run();
    }),
  );
}

function showReport(report) {
  tell(null);
  byId("token-state").hidden = !token;
  reports.show(report);
  editor.mark(report.results.map((result) => result.error?.line).filter(Boolean));
  announce(summarySentence(report));
}

function showRefusal(error) {
  if (!(error instanceof Refusal)) {
    throw error;
  }
  reports.clear();
  tell(error);
  if (error.seconds) {
    schedule(error.seconds * 1000);
  }
}

// The same again stays as it is: somebody may be typing a token there.
function tell(refused) {
  for (const name of CHECK_FIELDS) {
    point(byId(name), name === refused?.field);
  }
  const said = refused && JSON.stringify(refused);
  if (said !== told) {
    const restore = keepFocus(byId("trouble"), byId("results"));
    byId("trouble").replaceChildren(...(refused ? [refusalNotice(refused, useToken)] : []));
    restore();
    told = said;
  }
}

function point(field, isWrong) {
  for (const [name, value] of Object.entries({ "aria-invalid": "true", "aria-errormessage": "trouble" })) {
    if (isWrong) {
      field.setAttribute(name, value);
    } else {
      field.removeAttribute(name);
    }
  }
}

function useToken(text) {
  told = ""; // a second refusal is told anew
  token = text;
  byId("results").focus({ preventScroll: true });
  run();
}

function complain(problem) {
  byId("complaint").textContent = problem;
}

function change(said, then) {
  Object.assign(settings, said);
  writeAddress(settings);
  then();
}

function bindSettings() {
  const version = byId("version");
  const show = () => (version.disabled = settings.profile === "namespace");
  for (const name of CHECK_FIELDS) {
    byId(name).value = settings[name];
    byId(name).addEventListener(name === "namespace" ? "input" : "change", (event) => {
      const pause = name === "namespace" ? PAUSE : 0;
      change({ [name]: event.target.value.trim() || DEFAULTS[name] }, () => edited(pause));
      point(event.target, false);
      show();
    });
  }
  if (version.selectedIndex < 0) {
    version.add(new Option(settings.version)); // a version that a link names, and this page does not offer
    version.value = settings.version;
  }
  show();
}

function bindButtons() {
  byId("run").addEventListener("click", run);
  byId("choose").addEventListener("click", () => byId("files").click());
  byId("example").addEventListener("click", () => editor.replace(TYPICAL));
  byId("clear").addEventListener("click", () => {
    editor.replace("");
    editor.focus();
    run();
  });
  byId("forget").addEventListener("click", () => {
    token = "";
    byId("token-state").hidden = true;
    byId("run").focus();
    announce("Token forgotten");
  });
  byId("copy-link").addEventListener("click", (event) =>
    copy(location.href, event.currentTarget, "Link, with the settings only,"),
  );
  byId("files").addEventListener("change", async ({ target }) => {
    complain(await editor.addFiles(target.files));
    target.value = "";
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
}

bindTheme(byId("theme"));
bindSettings();
bindButtons();
acceptAnywhere(editor, complain);
narrow.addEventListener("change", () => reports.redraw());
run();
