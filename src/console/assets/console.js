// Everything works without this file. It saves work: it fills in the code of the link, asks before dangerous acts,
// copies texts, and refreshes the marked parts of a page.
"use strict";

// What an act did is said once: a reload of the page does not say it again.
const address = new URL(location.href);
if (address.searchParams.has("done")) {
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}

// The stylesheet shows some buttons only if this file is here to make them work.
document.documentElement.classList.add("has-script");

// The code of a link is after the #, which is never sent. It leaves the history of the browser at once. The person clicks:
// otherwise a page of somebody else, or a program that scans mails, could use a link.
const withCode = document.querySelector("form[data-code]");
if (withCode && location.hash.length > 1) {
  withCode.elements.code.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  document.querySelectorAll("[data-without-code]").forEach((other) => { other.hidden = true; });
  withCode.querySelector("button").focus();
  // An invitation is only looked at: the code works until a password is set.
  if (withCode.dataset.code === "look") withCode.requestSubmit();
}

document.addEventListener("submit", (event) => {
  // What an act needs is asked for before its question.
  const needs = event.submitter && event.submitter.dataset.needs;
  const needed = needs && event.target.elements[needs];
  if (needed && !needed.value.trim()) {
    event.preventDefault();
    needed.setCustomValidity("Write a reason: this needs one.");
    needed.reportValidity();
    const clear = () => needed.setCustomValidity("");
    needed.addEventListener("input", clear, { once: true });
    needed.addEventListener("blur", clear, { once: true });
    return;
  }
  const question = event.submitter && event.submitter.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
    return;
  }
  // Two clicks send one form. After a file, the page stays, and another file can be saved.
  const form = event.target;
  if ("file" in form.dataset) return;
  if (form.dataset.sent) {
    event.preventDefault();
  } else if (form.method === "post") {
    form.dataset.sent = "yes";
  }
});

window.addEventListener("pageshow", (event) => {
  // The browser shows a page from its memory, after Back: what it shows may be erased, decided or over.
  if (event.persisted) {
    // Not reload(), which would send the form of a page again that came after one.
    location.replace(location.pathname + location.search);
    return;
  }
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const input = button.parentElement.querySelector("input");
  input.select();
  let copied = false;
  try {
    await navigator.clipboard.writeText(input.value);
    copied = true;
  } catch {
    // Without https, browsers have no clipboard for pages.
    copied = document.execCommand("copy");
  }
  button.textContent = copied ? "Copied" : "Press Ctrl+C";
});

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-select-all]");
  if (!all) return;
  all.closest("form").querySelectorAll("input[type=checkbox][name=" + all.dataset.selectAll + "]")
    .forEach((box) => { box.checked = all.checked; });
});

// Keys of a page: a button with data-key is chosen when its key is pressed outside of a field. Enter presses it: one stray key
// decides nothing.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const target = document.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
  if (target) {
    event.preventDefault();
    target.focus();
  }
});

// A part that refreshes itself (hx-trigger="every ...") waits while the tab is hidden, while a person writes or selects in it.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (!part.matches("[data-live]")) return;
  const selection = window.getSelection();
  const selects = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  if (document.hidden || selects || part.contains(document.activeElement)
    || part.querySelector("input:checked, details[open]")) {
    event.preventDefault();
  }
});

// A table that has no room is shown as cards. Each value has the name of its column then.
const arrange = () => document.querySelectorAll(".scroll").forEach((scroll) => {
  const names = [...scroll.querySelectorAll("thead th")].map((th) => th.querySelector(".hidden, input") ? "" : th.textContent.trim());
  scroll.querySelectorAll("tbody tr").forEach((row) => [...row.children].forEach((cell, n) => {
    if (cell.matches("td") && names[n] && cell.textContent.trim()) cell.dataset.label = names[n];
  }));
  scroll.classList.remove("stacked");
  scroll.classList.toggle("stacked", scroll.scrollWidth > scroll.clientWidth);
});
arrange();
window.addEventListener("resize", arrange);
document.addEventListener("toggle", arrange, true);
document.addEventListener("htmx:afterSwap", arrange);

// htmx remembers the last path, which nobody needs: a browser keeps nothing of the console.
document.addEventListener("DOMContentLoaded", () => sessionStorage.clear());
