// Asks the server. Whatever goes wrong becomes a Refusal that a person understands.

const MOST_SAID = 500; // characters

/** Why there is no report. `needsToken` where one would help; `seconds` where waiting helps; `field` if one is wrong. */
export class Refusal extends Error {
  constructor(title, advice, { said = "", needsToken = false, seconds = 0, field = "" } = {}) {
    super(title);
    Object.assign(this, { title, advice, said, needsToken, seconds, field });
  }
}

/** The report on the manifests in `text`. Raises Refusal, and AbortError once `signal` says so. */
export async function ask(text, { profile, version, namespace }, token, signal) {
  const query = new URLSearchParams({ diff: "full" });
  if (profile !== "namespace") {
    query.set("profile", `${profile}:${version}`);
  }
  if (namespace) {
    query.set("namespace", namespace);
  }
  const headers = { Accept: "application/json", "Content-Type": "application/yaml" };
  if (token) {
    headers.Authorization = `Bearer ${token}`;
  }
  const answer = await send(`preview?${query}`, { method: "POST", headers, body: text, signal });
  if (!answer.ok) {
    throw refusal(answer, await words(answer), token);
  }
  try {
    return await answer.json();
  } catch (error) {
    throw unlessAborted(
      error,
      new Refusal(
        "The answer cannot be read",
        "Something between this page and the server changed it, or it broke off. Try again.",
      ),
    );
  }
}

async function send(address, options) {
  try {
    return await fetch(address, { ...options, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    throw unlessAborted(
      error,
      new Refusal(
        "The server cannot be reached",
        "Is it still running? If you came by kubectl port-forward, is that? Your manifests are still here; try again.",
      ),
    );
  }
}

function unlessAborted(error, refused) {
  return error.name === "AbortError" ? error : refused;
}

// What the server says itself: {message, field}, or any text of something between.
async function words(answer) {
  try {
    const text = await answer.text();
    const isJson = (answer.headers.get("Content-Type") ?? "").includes("json");
    const { message = "", field = "" } = isJson ? JSON.parse(text) : { message: text };
    return { said: String(message).trim().slice(0, MOST_SAID), field: String(field) };
  } catch {
    return { said: "", field: "" };
  }
}

function refusal(answer, { said, field }, token) {
  const seconds = Math.min(Number.parseInt(answer.headers.get("Retry-After") ?? "", 10) || 0, 3600);
  const wait = seconds ? `in ${seconds} s` : "in a moment";
  switch (answer.status) {
    case 401:
      return token
        ? new Refusal(
            "The token was not accepted",
            "It may have expired, be for another cluster, or be copied in part. Paste a new one.",
            { said, needsToken: true },
          )
        : new Refusal(
            "This server asks who you are",
            "It runs in a cluster and looks at that cluster's namespaces for you. Paste a token of yours.",
            { needsToken: true },
          );
    case 403:
      if (field) {
        return new Refusal("This server answers only its own machine", "Open its page at the address that it prints.", {
          said,
        });
      }
      return new Refusal(
        "You may not do this in that namespace",
        "It is for those who may create pods there. Ask for the verb create on pods, or choose another namespace.",
        { said, needsToken: true },
      );
    case 413:
      return new Refusal(
        "That is too much at once",
        "The server reads only so many bytes in one request. Preview fewer documents at a time.",
        { said },
      );
    case 429:
      return new Refusal("Too many requests", `The server asks for a pause. It is asked again ${wait}.`, {
        said,
        seconds: seconds || 5,
      });
    case 503:
      return new Refusal(
        "The server cannot answer now",
        "It is starting, stopping, or cannot reach the Kubernetes API. " +
          (seconds ? `Try again ${wait}.` : "Try again in a moment."),
        { said },
      );
    case 400:
    case 422:
      return new Refusal(
        "The server does not understand the request",
        field ? `Look at ${field}.` : "Look at profile, version and namespace.",
        { said, field },
      );
    default:
      return new Refusal(`The server answered ${answer.status}`, "That is not expected. Its log says more.", { said });
  }
}
