// The real browser, and pages in it that watch themselves: a page that logs an
// error, breaks its content security policy, opens a dialog nobody expects,
// loads something that fails, or asks another host for anything fails its test,
// whatever the test looks at.

import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

// Widths of a phone, a tablet and a desk, with the heights of their screens.
export const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1280, height: 800 },
];

const PATIENCE = 8_000; // milliseconds that an element or a page may take

/** launch starts the browser. */
export async function launch() {
  const executablePath = process.env.LATCHKEY_CHROMIUM ?? BROWSERS.find(existsSync);
  if (!executablePath) throw new Error("there is no Chromium: run tools/install-browser");
  const args = process.getuid?.() === 0 ? ["--no-sandbox", ...FLAGS] : FLAGS; // the sandbox refuses root
  return chromium.launch({ executablePath, args, headless: true });
}

/**
 * open makes a page in a browser of its own: no cookie, no cache, nothing
 * remembered. Its context's pages are watched; verify says what went wrong.
 *
 *   js       false switches JavaScript off
 *   size     one of SIZES
 *   dark     what the person prefers
 *   origin   where it may load from; also what "/path" is relative to
 *   elsewhere  further origins that the test itself goes to
 */
export async function open(browser, { js = true, size = SIZES[2], dark = false, origin, elsewhere = [], ...more } = {}) {
  const context = await browser.newContext({
    baseURL: origin,
    javaScriptEnabled: js,
    viewport: size,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    ...more,
  });
  context.setDefaultTimeout(PATIENCE);
  const faults = watch(context, [origin, ...elsewhere]);
  const page = await context.newPage();
  // Faults belong to the page, for those tests that provoke one.
  page.faults = faults;
  page.usesScript = js;
  page.origin = origin;
  return { context, page, faults };
}

function watch(context, origins) {
  const faults = new Faults();
  const ours = (url) => origins.some((origin) => url === origin || url.startsWith(origin + "/"));
  context.on("request", (request) => {
    const url = request.url();
    if (!/^(data|blob|about):/.test(url) && !ours(url)) faults.add("outside", `${request.method()} ${url}`);
  });
  context.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    if (why !== "net::ERR_ABORTED") faults.add("failed", `${request.url()}: ${why}`); // aborted: left for another page
  });
  context.on("response", (response) => {
    const navigation = response.request().isNavigationRequest();
    const status = response.status();
    if (status >= 500 || (status >= 400 && !navigation)) faults.add("status", `${status} of ${response.url()}`);
  });
  context.on("console", (message) => {
    const text = message.text();
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (text.startsWith("Failed to load resource: the server responded")) return; // watched above, by its status
    faults.add(/content security policy/i.test(text) ? "policy" : "console", text);
  });
  context.on("weberror", (failure) => faults.add("script", String(failure.error())));
  context.on("page", (page) => {
    page.on("dialog", async (dialog) => {
      const expected = page.expectedDialogs?.shift();
      if (expected !== dialog.type()) faults.add("dialog", `${dialog.type()}: ${dialog.message()}`);
      await (expected ? (page.answerDialogs ?? "accept") === "accept" ? dialog.accept() : dialog.dismiss() : dialog.dismiss());
    });
    page.on("crash", () => faults.add("crash", page.url()));
  });
  return faults;
}

/** Faults are what went wrong on the pages of one context. */
export class Faults {
  #all = [];

  add(kind, what) {
    this.#all.push({ kind, what });
  }

  /** take hands over the faults of a kind that a test provoked, as texts. */
  take(kind) {
    const taken = this.#all.filter((f) => f.kind === kind);
    this.#all = this.#all.filter((f) => f.kind !== kind);
    return taken.map((f) => f.what);
  }

  /** verify throws where anything went wrong that nobody took. */
  verify() {
    if (this.#all.length > 0) throw new Error(`the page misbehaved:\n${this.#all.map((f) => `  ${f.kind}: ${f.what}`).join("\n")}`);
  }
}
