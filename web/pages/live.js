// Follows the server. One tab of a browser has the event stream and passes it on to the others, so that many tabs hold
// one connection. Without that (no Web Locks, or too many streams) a tab loads the data every few seconds.

const CHANNEL = "omi-dashboard";
const QUIET_MS = 2500; // after so much silence the server counts as gone; it says something each second
const STUCK_MS = 10000; // after so much silence a connection is given up
const POLL_MS = 5000;
const PING_MS = 1500;
const SIGNED_OUT = "signed-out"; // the stream's last event

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Live {
  /** `on.document(data)`, `on.gone(ms)`, `on.back(ms)`, `on.signedOut()`; `place` is the page's address. */
  constructor(place, on) {
    this.place = place;
    this.on = on;
    this.isPaused = false;
    this.every = Number(localStorage.getItem("omi-every")) || 1;
    this.heardAt = performance.now();
    this.isGone = false;
    this.channel = new BroadcastChannel(CHANNEL);
    this.channel.onmessage = ({ data }) => this.isRunning && this.hear(data);
    document.addEventListener("visibilitychange", () => this.renew());
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", (event) => event.persisted && this.renew());
    addEventListener("storage", ({ key }) => key === "omi-every" && this.choose(this.stored(), false));
    setInterval(() => this.watch(), 500);
    this.watchedAt = performance.now();
    this.renew();
  }

  get isRunning() {
    return Boolean(this.ending);
  }

  stored() {
    return Number(localStorage.getItem("omi-every")) || 1;
  }

  /** Choose the seconds between two documents, for all tabs. */
  choose(every, isOurs = true) {
    this.every = every;
    if (isOurs) localStorage.setItem("omi-every", String(every));
    this.renew();
  }

  setPaused(isPaused) {
    this.isPaused = isPaused;
    this.renew();
  }

  /** Begin again, unless the page is hidden or paused. */
  renew() {
    this.stop();
    if (document.hidden || this.isPaused || this.isSignedOut) return;
    this.heardAt = performance.now();
    const { signal } = (this.ending = new AbortController());
    this.load(signal).catch(() => {});
    if (!navigator.locks) {
      this.poll(signal);
      return;
    }
    navigator.locks.request(CHANNEL, { signal }, () => this.lead(signal)).catch(() => {});
  }

  stop() {
    this.ending?.abort();
    this.ending = undefined;
  }

  /** Hold the stream, and connect again when it ends. Only the tab with the lock does. */
  async lead(signal) {
    while (!signal.aborted) {
      try {
        await this.stream(signal);
      } catch {
        // The server is gone or refuses: `watch` says so.
      }
      await pause(500);
    }
  }

  async stream(signal) {
    this.attempt = new AbortController();
    this.attemptedAt = performance.now();
    const both = AbortSignal.any([signal, this.attempt.signal]);
    const reply = await fetch(`${this.place}/events?every=${this.every}`, { signal: both, cache: "no-store" });
    if (!reply.ok) return this.refused(reply.status, signal);
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return undefined;
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      // Only the latest counts when several wait.
      const text = events.findLast((event) => event.startsWith("data: "))?.slice(6) ?? "";
      if (events.length) this.tell(text);
    }
  }

  async refused(status, signal) {
    if (status === 401 || status === 403) this.tell(SIGNED_OUT);
    else await this.poll(signal, 12); // a minute, then the stream is tried again
  }

  /** Load the data every few seconds, and ask between whether the server is there. */
  async poll(signal, rounds = Infinity) {
    const every = Math.max(this.every * 1000, POLL_MS);
    for (let round = 0; round < rounds && !signal.aborted; round += 1) {
      try {
        await this.load(signal);
        for (let waited = 0; waited < every && !signal.aborted; waited += PING_MS) {
          await pause(PING_MS);
          await fetch("/livez", { method: "HEAD", signal, cache: "no-store" });
          this.tell("");
        }
      } catch {
        await pause(500);
      }
    }
  }

  async load(signal) {
    const query = document.body.dataset.query ?? ""; // of several processes at this address always the same
    const reply = await fetch(`${this.place}/data.json${query}`, { signal, cache: "no-store" });
    if (reply.status === 401 || reply.status === 403) this.tell(SIGNED_OUT);
    if (reply.ok) this.hear(await reply.text());
  }

  /** Hear it, and pass it on to the tabs without a stream. */
  tell(text) {
    this.hear(text);
    this.channel.postMessage(text);
  }

  /** Take a document's text, or "" as a sign of life. */
  hear(text) {
    const now = performance.now();
    if (this.isGone) this.on.back(now - this.heardAt);
    this.isGone = false;
    this.heardAt = now;
    if (text === SIGNED_OUT) {
      this.isSignedOut = true; // what it asks now would be refused
      this.stop();
      this.on.signedOut();
    } else if (text) this.on.document(JSON.parse(text));
  }

  watch() {
    const now = performance.now();
    const slept = now - this.watchedAt > 5000;
    this.watchedAt = now;
    if (!this.isRunning) return;
    if (slept) {
      this.renew(); // the machine or the tab slept: old silence says nothing about the server
      return;
    }
    const silent = now - this.heardAt;
    if (silent < QUIET_MS) return;
    this.isGone = true;
    this.on.gone(silent);
    if (silent > STUCK_MS && now - this.attemptedAt > STUCK_MS) this.attempt?.abort();
  }
}
