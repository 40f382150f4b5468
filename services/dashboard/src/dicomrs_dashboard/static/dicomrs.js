// What the pages do beyond HTML and htmx. Everything here only adds: without it the pages work the same.
"use strict";

// A page whose stream has ended shows old figures: it says so.
let lost = 0;
function stale(shown) {
  const note = document.getElementById("stale");
  if (note) note.hidden = !shown;
}
document.addEventListener("htmx:sseError", () => {
  lost = lost || setTimeout(() => stale(true), 3000);
});
document.addEventListener("htmx:sseOpen", () => {
  clearTimeout(lost);
  lost = 0;
  stale(false);
});

// What a person has opened stays open when a live piece is replaced, and what has the focus keeps it.
const opened = new Set();
let focused = "";
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  opened.clear();
  event.target.querySelectorAll("details[open][id]").forEach((one) => opened.add(one.id));
  focused = event.target.contains(document.activeElement) ? document.activeElement.id : "";
});
document.addEventListener("htmx:sseMessage", (event) => {
  event.target.querySelectorAll("details[id]").forEach((one) => {
    if (opened.has(one.id)) one.open = true;
  });
  if (focused) document.getElementById(focused)?.focus();
});

// Signed out meanwhile: the page asks for a new login.
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  if (event.detail.type === "signed-out") location.reload();
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

// A choice that is a filter is taken over at once.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form) form.requestSubmit();
});
