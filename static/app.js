// What plain HTML cannot do: the browser's own time zone, countdowns, upload progress, and telling
// a screen reader that a part of the page has changed. Every page works without this file.
"use strict";

function preselectTimezone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const select of document.querySelectorAll("form[data-new] select[data-browser-timezone]")) {
    const isKnown = [...select.options].some((option) => option.value === zone);
    if (["", "UTC"].includes(select.value) && isKnown) select.value = zone;
  }
}

function timeLeft(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (seconds <= 0) return "due now";
  if (minutes < 1) return `in ${seconds} s`;
  if (hours < 1) return `in ${minutes} min`;
  if (days < 2) return `in ${hours} h ${minutes % 60} min`;
  return `in ${days} days`;
}

function countDown() {
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    let left = time.querySelector(".countdown");
    if (!left) {
      left = document.createElement("span");
      left.className = "countdown";
      time.append(", ", left);
    }
    const words = timeLeft(new Date(time.dateTime) - Date.now());
    if (left.textContent !== words) left.textContent = words;
  }
}

function showUpload(event) {
  const form = event.target;
  const bar = form.querySelector("progress[data-upload]");
  if (!bar || !event.detail.lengthComputable) return;
  showUploadState(form, { isBroken: false });
  bar.max = event.detail.total;
  bar.value = event.detail.loaded;
}

function showBrokenUpload(event) {
  if (event.detail.xhr?.status === 429) return;
  if (event.target.querySelector("[data-upload]")) showUploadState(event.target, { isBroken: true });
}

function showUploadState(form, { isBroken }) {
  form.querySelector("[data-upload]").parentElement.hidden = isBroken;
  form.querySelector("[data-upload-broken]").hidden = !isBroken;
}

// Signed out meanwhile: the sign-in page does not belong into a part of this one.
function leaveWhenSignedOut(event) {
  const { xhr, pathInfo } = event.detail;
  if (new URL(xhr.responseURL).pathname === "/auth/login" && pathInfo.requestPath !== "/auth/login") {
    event.detail.shouldSwap = false;
    window.location.reload();
  }
}

// A part of a page cannot show the page that says so.
function sayWait(event) {
  const { xhr } = event.detail;
  if (xhr.status !== 429) return;
  const minutes = Math.max(1, Math.ceil(Number(xhr.getResponseHeader("Retry-After")) / 60));
  const refused = document.getElementById("refused");
  refused.textContent = `That was tried too often. Wait ${minutes} min, then try again.`;
  refused.hidden = false;
  refused.scrollIntoView({ block: "nearest" });
}

function announce(event) {
  const part = event.target.closest("[data-announce]") || event.target.querySelector?.("[data-announce]");
  const status = document.getElementById("status");
  if (part && status.textContent !== part.dataset.announce) {
    status.textContent = part.dataset.announce;
  }
  // The button that was pressed is gone: the reader goes on where its answer stands.
  if (part && event.detail.requestConfig?.verb === "post") part.focus();
  countDown();
}

preselectTimezone();
countDown();
setInterval(countDown, 1000);
document.addEventListener("htmx:xhr:progress", showUpload);
document.addEventListener("htmx:sendError", showBrokenUpload);
document.addEventListener("htmx:responseError", showBrokenUpload);
document.addEventListener("htmx:responseError", sayWait);
document.addEventListener("htmx:beforeSwap", leaveWhenSignedOut);
document.addEventListener("htmx:afterSettle", announce);
