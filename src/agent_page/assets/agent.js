// Takes the token out of the address bar at once, and sends it in a form: a fragment is in no request, log or referrer.
"use strict";

const form = document.getElementById("open");
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (token) {
  form.elements.token.value = token;
  form.submit();
  // The browser must not fill it in again when somebody comes back.
  form.elements.token.value = "";
} else {
  document.getElementById("nothing").hidden = false;
}
