// A link of the brief, opened by a person: its one button is pressed for them, once. What only looks
// through mail never shows the page. The page works without this file.
"use strict";

const say = document.getElementById("say");

// Once in this tab: whoever comes back to the page may have taken it back meanwhile.
function sayOnce() {
  if (document.visibilityState !== "visible" || document.prerendering) return;
  if (sessionStorage.getItem(window.location.pathname)) return;
  sessionStorage.setItem(window.location.pathname, "said");
  say.requestSubmit();
}

document.addEventListener("visibilitychange", sayOnce);
document.addEventListener("prerenderingchange", sayOnce);
sayOnce();
