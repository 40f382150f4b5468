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
document.addEventListener("htmx:sseOpen", (event) => {
  event.detail.source.addEventListener("signed-out", () => location.reload());
  clearTimeout(lost);
  lost = 0;
  stale(false);
});

// A live piece changes only what differs; what a person has opened stays open.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => name !== "open" || node.tagName !== "DETAILS";

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
