// What the pages do beyond HTML and htmx. Everything here only adds: without it the pages work the same.
"use strict";

// A page whose stream has ended, or is not to be had, shows old figures: it says so.
let lost = 0;
let crowded = false;
function show(note, shown) {
  const found = document.getElementById(note);
  if (found) found.hidden = !shown;
}
document.addEventListener("htmx:sseError", async (event) => {
  if (!crowded) lost = lost || setTimeout(() => show("stale", true), 3000);
  if (event.detail.source.readyState !== EventSource.CLOSED) return;
  // The dashboard answers, but with no stream: whoever is to sign in again is asked to.
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") location.reload();
});
document.addEventListener("htmx:sseOpen", () => {
  clearTimeout(lost);
  lost = 0;
  show("stale", false);
});

// A page that nobody sees lets its stream go, and opens it again when it is looked at: a browser has six connections to a
// server, and what nobody sees is not to be made.
class Stream extends EventTarget {
  #url;
  #source = null;
  #names = new Set();
  constructor(url) {
    super();
    this.#url = url;
    document.addEventListener("visibilitychange", this);
    if (!document.hidden) this.#open();
  }
  get readyState() {
    return this.#source ? this.#source.readyState : EventSource.CONNECTING;
  }
  addEventListener(name, listener) {
    super.addEventListener(name, listener);
    if (!this.#names.has(name)) this.#hear(name);
    this.#names.add(name);
  }
  handleEvent() {
    if (document.hidden) {
      this.#source?.close();
      this.#source = null;
    } else if (!this.#source) {
      this.#open();
    }
  }
  close() {
    document.removeEventListener("visibilitychange", this);
    this.#source?.close();
  }
  #open() {
    this.#source = new EventSource(this.#url, { withCredentials: true });
    this.#source.onopen = (event) => this.onopen?.(event);
    this.#source.onerror = (event) => {
      if (this.readyState === EventSource.CLOSED) this.close(); // whoever wants more opens another
      this.onerror?.(event);
    };
    this.#names.forEach((name) => this.#hear(name));
    this.#source.addEventListener("signed-out", () => location.reload());
    this.#source.addEventListener("crowded", () => show("crowded", (crowded = true)));
    this.#source.addEventListener("content", () => show("crowded", (crowded = false)));
  }
  #hear(name) {
    this.#source?.addEventListener(name, (event) => this.dispatchEvent(new MessageEvent(name, { data: event.data })));
  }
}
htmx.createEventSource = (url) => new Stream(url);

// A live piece changes only what differs; what a person has opened stays open.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => name !== "open" || node.tagName !== "DETAILS";

// The menu closes when a person turns to something else, or by Escape.
function closeMenu(inside) {
  const menu = document.querySelector("details.menu[open]");
  if (menu && !menu.contains(inside)) menu.open = false;
  return menu;
}
document.addEventListener("click", (event) => closeMenu(event.target));
document.addEventListener("focusin", (event) => closeMenu(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenu(null)?.querySelector("summary").focus();
});

// Copy the text of the field that a button names.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  navigator.clipboard?.writeText(field.value);
  button.textContent = button.dataset.done || button.textContent;
});

