// Home stays true while it is open: it asks for the parts that have changed when the next run is
// due, when somebody comes back to it, and when another tab of this browser has done something.
// While today's brief is there nothing is asked by the clock. Every page works without this file.
"use strict";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
// Longer is more than a timer can hold.
const LONGEST = 24 * 60 * MINUTE;
// Coming back shows as several events at once.
const BREATH = 2 * SECOND;
const OPEN = ["due", "under_way"];

let timer = null;
let lookedAt = 0;
let isLooking = false;
// Where a page is opened anew for another one, and is the same again, once is enough.
const REOPENED = "reopened for";

const hero = () => document.getElementById("hero");
const today = () => document.getElementById("today");
const isShown = () => document.visibilityState === "visible" && !document.prerendering;

// In milliseconds from now; null: not by the clock.
function nextLook(now) {
  const isOpen = today() && !today().dataset.outcome && "isLive" in hero().dataset;
  const due = Date.parse(hero().dataset.due ?? "");
  if (Number.isNaN(due)) return isOpen ? MINUTE : null;
  // Due and not there: every few seconds, and less often the longer it takes.
  if (due <= now) return Math.min(Math.max((now - due) / 10, 3 * SECOND), MINUTE);
  return Math.min(due - now + SECOND, isOpen ? MINUTE : LONGEST);
}

function plan() {
  clearTimeout(timer);
  timer = null;
  if (!hero() || !isShown()) return;
  const wait = nextLook(Date.now());
  if (wait !== null) timer = setTimeout(wake, wait);
}

// A timer that had to end early because a timer cannot be longer.
function wake() {
  const due = Date.parse(hero()?.dataset.due ?? "");
  if (today()?.dataset.outcome && due > Date.now()) plan();
  else look();
}

async function look() {
  clearTimeout(timer);
  if (!hero() || isLooking || !isShown()) return;
  isLooking = true;
  lookedAt = Date.now();
  const shown = new URLSearchParams({ mission: hero().dataset.mission });
  for (const id of ["hero", "today", "feedback", "check-in", "progress"]) {
    const mark = document.getElementById(id)?.dataset.mark;
    if (mark) shown.set(id, mark);
  }
  try {
    await htmx.ajax("GET", `${hero().dataset.live}?${shown}`, { source: hero(), target: hero(), swap: "none" });
  } catch {
    // Away for a moment: the next look is as good.
  }
  isLooking = false;
  plan();
}

// Those under way ask for themselves.
function lookAtSources() {
  const sources = document.getElementById("sources");
  if (!sources?.dataset.look || sources.hasAttribute("hx-get")) return;
  htmx.ajax("GET", sources.dataset.look, { source: sources, target: sources, swap: "outerHTML" }).catch(() => {});
}

function comeBack() {
  if (!isShown() || Date.now() - lookedAt <= BREATH) {
    plan();
    return;
  }
  lookedAt = Date.now();
  look();
  lookAtSources();
}

// Something that is typed, or chosen, and not sent yet.
function isTouched(part) {
  return [...part.querySelectorAll("input, select, textarea")].some((field) => {
    if (["checkbox", "radio"].includes(field.type)) return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") {
      const asSent = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(asSent, 0);
    }
    return field.type !== "hidden" && field.value !== field.defaultValue;
  });
}

let focused = "";

// Whoever types goes on typing: that part is shown anew once it is sent, or left as it was.
function spare(event) {
  const part = event.target;
  focused = part.contains(document.activeElement) ? part.id : "";
  if (isTouched(part)) event.detail.shouldSwap = false;
}

function keepPlace(event) {
  const part = document.getElementById(event.target.id) ?? event.target;
  if (part.id && part.id === focused && document.activeElement === document.body) {
    part.focus({ preventScroll: true });
  }
  focused = "";
}

// Before the brief is there its question stands first; after, the brief does.
function putInOrder() {
  const asked = document.getElementById("check-in");
  const isFirst = asked && today() && asked.compareDocumentPosition(today()) & Node.DOCUMENT_POSITION_FOLLOWING;
  if (!isFirst || !today().dataset.outcome) return;
  if (!isTouched(asked) && !asked.contains(document.activeElement)) today().after(asked);
}

let outcome = today()?.dataset.outcome;

// The brief has arrived, or is being made: what stands around it has changed with it.
function followToday() {
  const now = today()?.dataset.outcome;
  if (now === outcome) return;
  const isNews = !OPEN.includes(now) || !OPEN.includes(outcome);
  outcome = now;
  putInOrder();
  keepBrief();
  document.body.dispatchEvent(new CustomEvent("run-changed"));
  if (isNews) look();
}

// Another mission, or another state of it: Home has other parts now.
function openAnew() {
  if (isTouched(document.getElementById("main"))) return;
  if (sessionStorage.getItem(REOPENED) === hero().dataset.mission) return;
  sessionStorage.setItem(REOPENED, hero().dataset.mission);
  window.location.reload();
}

// --- Tabs of one browser tell each other that something was done ---------------------------------

const DONE = "something was done";
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("lanterne") : null;

function tell() {
  tabs?.postMessage(DONE);
}

function tellAfterwards(event) {
  if (event.target.method === "post") sessionStorage.setItem(DONE, "yes");
}

function hear() {
  if (!isShown()) return;
  look();
  lookAtSources();
}

if (sessionStorage.getItem(DONE)) {
  sessionStorage.removeItem(DONE);
  tell();
}
if (tabs) tabs.onmessage = hear;

// --- The last brief, for when there is no network ------------------------------------------------

const BRIEF = "brief";
const BRIEF_AT = "/offline/brief";
const account = document.body.dataset.account ?? "";

// Nobody finds the brief of somebody else: whoever is not signed in as its owner wipes it.
async function keepBrief() {
  if (!("caches" in window) || document.body.dataset.offline) return;
  const kept = await caches.match(BRIEF_AT, { cacheName: BRIEF });
  if (kept && kept.headers.get("X-Account") !== account) await caches.delete(BRIEF);
  if (!account || today()?.dataset.outcome !== "decided" || !hero()) return;
  if (kept?.headers.get("X-Mark") === today().dataset.mark) return;
  const answer = await fetch(BRIEF_AT, { redirect: "error" }).catch(() => null);
  if (answer?.status !== 200 || answer.headers.get("X-Account") !== account) return;
  await (await caches.open(BRIEF)).put(BRIEF_AT, answer);
}

function register() {
  keepBrief();
  if (account && "serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js");
}

plan();
document.addEventListener("visibilitychange", comeBack);
window.addEventListener("focus", comeBack);
window.addEventListener("online", () => (document.body.dataset.offline ? window.location.reload() : comeBack()));
window.addEventListener("pageshow", (event) => event.persisted && comeBack());
window.addEventListener("load", register);
document.addEventListener("submit", tellAfterwards);
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.requestConfig?.verb !== "get" && event.detail.successful) {
    sessionStorage.removeItem(DONE);
    tell();
  }
});
document.addEventListener("htmx:oobBeforeSwap", spare);
document.addEventListener("htmx:oobAfterSwap", keepPlace);
document.addEventListener("htmx:afterSettle", followToday);
document.addEventListener("other-home", openAnew);
