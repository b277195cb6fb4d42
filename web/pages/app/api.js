// Requests to this server, their errors in plain words, and event streams. The sign-in is the browser's cookie alone.

export class Refused extends Error {
  constructor(status, form = {}, retryAfter = "") {
    super(form.error || "The server answered with an error.");
    Object.assign(this, { status, hint: form.hint || "", code: form.code || "", requestId: form.request_id || "", retryAfter });
  }
}

// No reply at all: the network or the server is away, so the request may be sent again.
export class Away extends Error {
  constructor() {
    super("The server cannot be reached.");
    this.hint = "Check your connection. Nothing is lost; try again.";
  }
}

const SIGNED_OUT = ["Invalid session", "Session expired", "No session token provided"];

async function request(method, path, body, { headers = {}, signal } = {}) {
  let reply;
  try {
    reply = await fetch(path, {
      method, signal, credentials: "same-origin",
      headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Away();
  }
  if (reply.ok) return reply;
  const form = await reply.json().catch(() => ({}));
  const refused = new Refused(reply.status, form, reply.headers.get("Retry-After") ?? "");
  if (reply.status === 401 && SIGNED_OUT.includes(form.error)) dispatchEvent(new Event("signed-out"));
  throw refused;
}

async function json(...given) {
  const reply = await request(...given);
  return reply.json().catch(() => { throw new Away(); });
}

export const get = (path, options) => json("GET", path, undefined, options);
export const post = (path, body = {}, options) => json("POST", path, body, options);
export const patch = (path, body = {}, options) => json("PATCH", path, body, options);
export const put = (path, body = {}, options) => json("PUT", path, body, options);
export const del = (path, body, options) => json("DELETE", path, body, options);
export const id = encodeURIComponent;

// Yields [name, data] of the event stream that answers a POST. A stream that breaks off is Away.
export async function* stream(path, body, options = {}) {
  const reply = await request("POST", path, body, { ...options, headers: { ...options.headers, Accept: "text/event-stream" } });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => { throw error.name === "AbortError" ? error : new Away(); });
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const lines = Object.fromEntries(block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]));
      if (lines.data) yield [lines.event, JSON.parse(lines.data)];
    }
  }
}

// An error as two sentences at most.
export function words(error) {
  const wait = error.retryAfter ? `Try again in ${error.retryAfter} s.` : "";
  return [error.message, wait || error.hint].filter(Boolean).map((part) => part.replace(/`/g, "").replace(/([^.!?])$/, "$1.")).join(" ");
}
