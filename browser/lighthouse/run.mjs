// What Lighthouse says of the pages, signed in and unlocked: accessibility and
// best practices must reach 95 of 100, and a page must stay below 60 kB with
// everything it loads. Lighthouse now and then loses the trace of a page; that
// page is asked again.

import { existsSync } from "node:fs";

import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

import { start } from "../harness/daemon.mjs";

const CATEGORIES = ["accessibility", "best-practices"];
const LEAST = 95;
const HEAVIEST = 60_000; // bytes
const ATTEMPTS = 4;
const PAGES = [
  "/ui/login", "/ui/profile", "/ui/profile/tokens/new", "/ui/profile/ssh", "/ui/profile/accounts", "/ui/profile/upstreams",
  "/ui/profile/sessions", "/ui/profile/activity", "/ui/profile/account",
  "/ui/admin/users", "/ui/admin/users/new", "/ui/admin/groups", "/ui/admin/keys", "/ui/admin/audit", "/ui/admin/policies", "/ui/admin/health",
];
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const daemon = await start();
const chrome = await launch({
  chromePath: process.env.LATCHKEY_CHROMIUM ?? BROWSERS.find(existsSync),
  chromeFlags: ["--headless=new", "--disable-gpu", "--disable-background-networking", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
});
try {
  const cookie = await signIn();
  for (const path of PAGES) await judge(path, path === "/ui/login" ? {} : { Cookie: cookie });
} finally {
  await chrome.kill();
  await daemon.stop();
}

// signIn begins a session and unlocks it.
async function signIn() {
  const { name, password } = daemon.admin;
  const post = (path, body, cookie) => fetch(`${daemon.origin}/-/api/v1${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Origin: daemon.origin, ...(cookie && { Cookie: cookie }) },
    body: JSON.stringify(body),
  });
  const begun = await post("/session", { username: name, password });
  const cookie = begun.headers.get("set-cookie").split(";")[0];
  const unlocked = await post("/session/unlock", { password }, cookie);
  if (!unlocked.ok) throw new Error(`unlocking answered ${unlocked.status}`);
  return cookie;
}

async function judge(path, extraHeaders) {
  let report;
  for (let i = 0; i < ATTEMPTS && (!report || report.runtimeError); i++) {
    report = (await lighthouse(daemon.origin + path, { port: chrome.port, onlyCategories: [...CATEGORIES, "performance"], extraHeaders, logLevel: "error" })).lhr;
  }
  const scores = CATEGORIES.map((name) => Math.round(report.categories[name].score * 100));
  const bytes = report.audits["total-byte-weight"].numericValue;
  console.log(`${path}: ${CATEGORIES.map((name, i) => `${name} ${scores[i]}`).join(", ")}, ${Math.round(bytes / 1000)} kB`);
  if (report.runtimeError || new URL(report.finalDisplayedUrl).pathname !== path || scores.some((s) => s < LEAST) || bytes > HEAVIEST) {
    process.exitCode = 1;
    console.error(`${path}: ${report.runtimeError?.message ?? "below what it must reach"}`);
  }
}
