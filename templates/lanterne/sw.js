// The service worker: without a network there is the last brief, and for all else a page that says
// so. Pages come from the network always; of a person nothing is kept here but that one brief, which
// the page itself hands in and takes away (see live.js).
"use strict";

const { version, files, offline, brief, home, leaving } = {{ about|safe }};
const SHELL = `shell-${version}`;
const BRIEF = "brief";
const HASHED = /\.[0-9a-f]{12}\.\w+$/;

async function takeIn() {
  const shell = await caches.open(SHELL);
  await shell.addAll([offline, ...files]);
  await self.skipWaiting();
}

async function tidy() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => ![SHELL, BRIEF].includes(name)).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function page(request, path) {
  try {
    return await fetch(request);
  } catch {
    const kept = path === home && (await caches.match(brief, { cacheName: BRIEF }));
    return kept || caches.match(offline, { cacheName: SHELL });
  }
}

// A name with a hash in it never means something else; others may have changed.
async function file(request, path) {
  const kept = await caches.match(request, { cacheName: SHELL });
  if (kept && HASHED.test(path)) return kept;
  try {
    return await fetch(request);
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

function answer(event) {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (request.method === "POST" && leaving.includes(pathname)) event.waitUntil(caches.delete(BRIEF));
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(page(request, pathname));
  else if (files.includes(pathname)) event.respondWith(file(request, pathname));
}

self.addEventListener("install", (event) => event.waitUntil(takeIn()));
self.addEventListener("activate", (event) => event.waitUntil(tidy()));
self.addEventListener("fetch", answer);
