// The one door to the server: /api/v1, JSON in and out, errors as ApiError.

const BASE = "/api/v1";

/** What the server refuses with; `hint` says what to do, `status` is 0 if it did not answer. */
export class ApiError extends Error {
  constructor(status, code, message, hint = "", retryAfter = 0) {
    super(message);
    Object.assign(this, { status, code, hint, retryAfter });
  }
}

/** The address of something under /api/v1; empty values are left out of the query. */
export function address(path, query = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) asked.set(name, value);
  }
  const text = asked.toString();
  return `${BASE}${path}${text ? `?${text}` : ""}`;
}

/**
 * Ask, and read the JSON of the answer.
 * @param {string} path under /api/v1, e.g. "/library".
 * @param {{query?, method?, json?, form?: FormData, signal?: AbortSignal}} how
 */
export async function ask(path, how = {}) {
  return (await answer(path, how)).json();
}

/** The same for answers that are files. Raises ApiError, or the signal's AbortError. */
export async function answer(path, { query, method, json, form, signal } = {}) {
  let response;
  try {
    response = await fetch(address(path, query), {
      method: method ?? (json || form ? "POST" : "GET"),
      headers: json ? { "Content-Type": "application/json" } : {},
      body: json ? JSON.stringify(json) : form,
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(
      0,
      "unreachable",
      "The server does not answer",
      "Is fdaclip serve still running? This page works again as soon as it is.",
    );
  }
  if (response.ok) return response;
  const told = (await response.json().catch(() => ({}))).error ?? {};
  throw new ApiError(
    response.status,
    told.code ?? "failed",
    sentence(told.message ?? `The server answered ${response.status}`),
    sentence(told.hint ?? ""),
    Number(response.headers.get("Retry-After") ?? 0),
  );
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/**
 * Server-sent events of a path: follow("/jobs/1/events", { progress: (job) => …, end: (job) => … }).
 * A handler gets the event's JSON; "end" closes the stream, as does the signal.
 */
export function follow(path, handlers, signal) {
  const events = new EventSource(address(path));
  for (const [name, handle] of Object.entries(handlers)) {
    events.addEventListener(name, (event) => {
      if (name === "end") events.close();
      if (event.data !== undefined) handle(JSON.parse(event.data));
    });
  }
  signal?.addEventListener("abort", () => events.close());
  return events;
}

let known = null;

/** What GET /library tells; asked once, or anew. */
export function library(anew = false) {
  if (!known || anew) {
    known = ask("/library");
    known.catch(() => (known = null));
  }
  return known;
}
