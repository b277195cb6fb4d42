// What is new in all conversations, by one event stream for all tabs of this browser: browsers open few connections.

export class Live extends EventTarget {
  constructor() {
    super();
    this.channel = new BroadcastChannel("live");
    this.channel.onmessage = (event) => this.tell(event.data);
    document.addEventListener("visibilitychange", () => this.look());
    this.look();
  }

  // A tab that is not seen leaves the stream to one that is.
  look() {
    if (document.hidden) this.leave();
    else if (!this.leaving) {
      const { promise, resolve } = Promise.withResolvers();
      this.leaving = resolve;
      // Without a secure address there are no locks: each tab that is seen has a stream of its own.
      if (!navigator.locks) this.listen(promise);
      else navigator.locks.request("live", () => (this.leaving === resolve ? this.listen(promise) : null));
    }
  }

  leave() {
    this.leaving?.();
    this.leaving = null;
  }

  async listen(until) {
    let source = null;
    let timer;
    const connect = () => {
      source = new EventSource("/conversations/current/stream");
      source.onmessage = (event) => {
        const news = JSON.parse(event.data);
        this.channel.postMessage(news);
        this.tell(news);
      };
      // The browser tries again by itself, but gives up when it is refused.
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, 15_000);
      };
    };
    connect();
    await until;
    clearTimeout(timer);
    source.close();
  }

  tell(news) {
    const [kind, detail] = { new_messages: ["messages", news.messages], conversation_changed: ["changed", news.conversationId], connected: ["connected"] }[news.type] ?? [];
    if (kind) this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  close() {
    this.leave();
    this.channel.close();
  }
}
