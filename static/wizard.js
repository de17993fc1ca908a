// The survey: what was typed is kept when its page is left, and Enter presses Next where Next is
// shown. Every page works without this file.
"use strict";

const survey = document.getElementById("survey");
const kept = document.getElementById("kept");
// How often something was typed: until when it is kept, and until when it is on its way.
let typed = 0;
let keptUntil = 0;
let sentUntil = 0;

async function keepOnLeaving() {
  if (typed === keptUntil) return;
  const until = typed;
  const body = new URLSearchParams(new FormData(survey));
  try {
    const answer = await fetch(kept.getAttribute("hx-post"), { method: "POST", body, keepalive: true });
    if (!answer.ok) return;
    keptUntil = until;
    // What is stored now is what the next change is held against.
    const told = new DOMParser().parseFromString(await answer.text(), "text/html");
    const was = told.getElementById("id_was");
    if (was) document.getElementById("id_was").value = was.value;
  } catch {
    // It is tried again with the next change, or when the page is left once more.
  }
}

// Enter clicks the form's first button.
function pressEnter(event) {
  event.preventDefault();
  const next = survey.querySelector("button[value=next]");
  if (next?.getClientRects().length) survey.requestSubmit(next);
  else survey.dispatchEvent(new Event("change"));
}

survey.addEventListener("input", () => { typed += 1; });
survey.addEventListener("submit", () => { keptUntil = typed; });
document.querySelector("[data-enter]").addEventListener("click", pressEnter);
kept.addEventListener("htmx:beforeRequest", () => { sentUntil = typed; });
kept.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) keptUntil = sentUntil;
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") keepOnLeaving();
});
window.addEventListener("pagehide", keepOnLeaving);
