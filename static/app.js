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
  if (minutes < 10) return `in ${minutes} min ${seconds % 60} s`;
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

const QUARTERS = 4;

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0);
}

// Only on its way up: the answer comes with progress events too, and is smaller than any file sent.
function showUpload(event) {
  const form = event.target;
  const { loaded, total, lengthComputable } = event.detail;
  const file = form.querySelector?.("input[type=file]")?.files[0];
  if (!form.querySelector("[data-upload]") || !lengthComputable || !file || total < file.size) return;
  showUploadState(form, "sending");
  const bar = form.querySelector("[data-upload] progress");
  const label = form.querySelector("[data-upload] label");
  bar.max = total;
  bar.value = loaded;
  const isSent = loaded === total;
  label.textContent = isSent
    ? `${megabytes(total)} MB sent; being stored`
    : `Sending: ${megabytes(loaded)} of ${megabytes(total)} MB`;
  form.querySelector("[data-upload-stop]").hidden = isSent;
  sayQuarter(Math.floor((QUARTERS * loaded) / total), label.textContent);
}

// Not every step is read out, only each quarter of the way.
function sayQuarter(quarter, words) {
  const status = document.getElementById("status");
  if (status.dataset.quarter === String(quarter)) return;
  status.dataset.quarter = quarter;
  status.textContent = words;
}

function showBrokenUpload(event) {
  if (event.detail.xhr?.status === 429) return;
  if (event.target.querySelector("[data-upload]")) showUploadState(event.target, "broken");
}

function showStoppedUpload(event) {
  if (event.target.querySelector("[data-upload]")) showUploadState(event.target, "stopped");
}

function showUploadState(form, state) {
  form.querySelector("[data-upload]").hidden = state !== "sending";
  form.querySelector("[data-upload-broken]").hidden = state !== "broken";
  form.querySelector("[data-upload-stopped]").hidden = state !== "stopped";
}

function stopUpload(event) {
  const stop = event.target.closest("[data-upload-stop]");
  if (stop) htmx.trigger(stop.form, "htmx:abort");
}

// Signed out meanwhile: the sign-in page does not belong into a part of this one.
function leaveWhenSignedOut(event) {
  const { xhr, pathInfo } = event.detail;
  if (new URL(xhr.responseURL).pathname === "/auth/login" && pathInfo.requestPath !== "/auth/login") {
    event.detail.shouldSwap = false;
    window.location.reload();
  }
}

// A part of a page cannot show the page that says so. What asks by itself just asks again.
function sayWait(event) {
  const { xhr, requestConfig } = event.detail;
  const isAway = xhr.status === 503 && requestConfig.verb !== "get";
  if (xhr.status !== 429 && !isAway) return;
  const minutes = Math.max(1, Math.ceil(Number(xhr.getResponseHeader("Retry-After")) / 60));
  const refused = document.getElementById("refused");
  refused.textContent = isAway
    ? "We cannot reach our records right now. Wait half a minute, then try again."
    : `You have done this often. Wait ${minutes} min, then do it again.`;
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
document.addEventListener("click", stopUpload);
document.addEventListener("htmx:xhr:progress", showUpload);
document.addEventListener("htmx:sendAbort", showStoppedUpload);
document.addEventListener("htmx:sendError", showBrokenUpload);
document.addEventListener("htmx:responseError", showBrokenUpload);
document.addEventListener("htmx:responseError", sayWait);
document.addEventListener("htmx:beforeSwap", leaveWhenSignedOut);
document.addEventListener("htmx:afterSettle", announce);
