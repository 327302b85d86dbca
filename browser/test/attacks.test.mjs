// Pages of others: another site that makes a signed-in browser send forms, and
// pages that an upstream serves on the very host of ours.

import assert from "node:assert/strict";
import { after } from "node:test";

import { serve } from "../harness/server.mjs";
import { until } from "../harness/daemon.mjs";
import { handUnlock, once, world } from "../harness/world.mjs";

let evil, files;
const w = world(async () => {
  evil = await serve((request) => ({ body: forms[new URL(request.url, "http://x").pathname] }), { host: "localhost" });
  const kept = new Map();
  files = await serve((request, body) => {
    if (request.method === "PUT") return kept.set(request.url, body) && { status: 201 };
    if (!kept.has(request.url)) return { status: 404 };
    const script = request.url.endsWith(".js");
    return { body: kept.get(request.url), headers: script ? { "Content-Type": "text/javascript", "Service-Worker-Allowed": "/" } : {} };
  });
  const route = { upstream: files.origin, read: ["anonymous"], write: ["authenticated"] };
  return { routes: [{ ...route, name: "files", path: "/files/" }, { ...route, name: "open", path: "/open/", insecure_same_origin: true }] };
});
after(async () => {
  await evil?.stop();
  await files?.stop();
});

const forms = { "/favicon.ico": "" };

// A form of another site, sent by its script as soon as it is opened.
function trap(path, target, fields, enctype = "application/x-www-form-urlencoded") {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name='${name}' value='${value}'>`).join("");
  forms[path] = `<!doctype html><link rel=icon href=data:,><form id=f method=post enctype="${enctype}" action="${target}">${inputs}</form><script>f.submit()</script>`;
}

for (const [path, fields] of [
  ["/ui/logout", {}],
  ["/ui/login", { username: "mallory", password: "of the attacker" }],
  ["/ui/login/client", { program: "3f333333-3333-4333-8333-333333333333", answer: "yes", code: "3333" }],
]) {
  once(`a form of another site to ${path} does nothing`, async (t) => {
    const alice = await w.person();
    const page = await w.signedIn(t, alice, { elsewhere: [evil.origin] });
    const [before] = await page.context().cookies();
    trap(`/trap${path}`, w.origin + path, fields);
    const answer = page.waitForResponse((r) => r.url() === w.origin + path);
    await page.goto(`${evil.origin}/trap${path}`, { waitUntil: "commit" });
    assert.equal((await answer).status(), 403);
    await page.waitForURL(w.origin + path);
    const [after] = await page.context().cookies();
    assert.deepEqual(after, before, "the session is as it was");
    assert.equal((await page.goto("/ui/")).status(), 200);
    assert.match(await page.locator("header").innerText(), new RegExp(alice.name));
  });
}

once("JSON that another site dresses up as a form changes nothing", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, { elsewhere: [evil.origin] });
  const path = "/-/api/v1/me/apikey";
  trap("/json", w.origin + path, { '{"a":"': '"}' }, "text/plain");
  const answer = page.waitForResponse((r) => r.url() === w.origin + path);
  const failed = page.waitForEvent("requestfailed"); // headless, nobody is there to be asked for a password
  await page.goto(`${evil.origin}/json`, { waitUntil: "commit" });
  assert.match(String((await answer).status()), /^40[13]$/); // 401: the cookie did not come along
  await failed;
  page.faults.take("failed");
  await w.call("GET", "/me/apikey", undefined, alice, 404);
});

once("another site can neither frame a page nor keep a hold of its window", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, { elsewhere: [evil.origin] });
  forms["/frame"] = `<!doctype html><link rel=icon href=data:,><iframe src="${w.origin}/ui/"></iframe>`;
  await page.goto(`${evil.origin}/frame`);
  await until(() => page.frames().length === 2, "the frame");
  await page.frames()[1].waitForLoadState().catch(() => {});
  assert.doesNotMatch(await page.frames()[1].content().catch(() => ""), new RegExp(alice.name));
  assert.match(page.faults.take("policy").concat(page.faults.take("console")).join(), /frame-ancestors|X-Frame-Options/i);
  page.faults.take("failed");

  forms["/opener"] = `<!doctype html><link rel=icon href=data:,><button onclick="w = window.open('${w.origin}/ui/')">open</button>`;
  await page.goto(`${evil.origin}/opener`);
  const [popup] = await Promise.all([page.context().waitForEvent("page"), page.getByRole("button").click()]);
  await popup.waitForLoadState();
  await until(() => page.evaluate(() => w.closed), "the opener to lose the window");
  assert.equal(await popup.evaluate(() => window.opener), null);
});

// HOSTILE tries whatever a page could take from the origin that it runs in.
const HOSTILE = `<!doctype html><title>of mallory</title><link rel=icon href=data:,><p id=out></p><script>
  const tried = {};
  const attempt = async (name, act) => {
    try { tried[name] = String(await act()); } catch (e) { tried[name] = "refused: " + e.name; }
  };
  const read = (path, init) => async () => { const r = await fetch(path, init); return r.type + " " + r.status + " " + (await r.text()); };
  (async () => {
    for (const path of ["/ui/", "/ui/profile", "/-/api/v1/whoami", "/-/api/v1/me/apikey"]) {
      await attempt("read " + path, read(path, { credentials: "include" }));
    }
    await attempt("write", read("/-/api/v1/me/apikey", { method: "POST", credentials: "include" }));
    await attempt("blind write", read("/-/api/v1/me/apikey", { method: "POST", credentials: "include", mode: "no-cors" }));
    await attempt("worker", () => navigator.serviceWorker.register("worker.js", { scope: "/" }).then(() => "registered"));
    await attempt("own worker", () => navigator.serviceWorker.register("worker.js").then(() => "registered"));
    await attempt("cookie", () => document.cookie);
    await attempt("storage", () => { localStorage.setItem("a", "b"); return "kept"; });
    await attempt("origin", () => self.origin);
    await attempt("frame", () => new Promise((done) => {
      const f = document.createElement("iframe");
      f.src = "/ui/";
      f.onload = () => { try { done(f.contentDocument ? "seen: " + f.contentDocument.body.textContent : "out of reach"); } catch (e) { done("out of reach"); } };
      document.body.append(f);
    }));
    document.getElementById("out").textContent = JSON.stringify(tried);
  })();
  </script>`;

/** tries uploads HOSTILE through a route, and is what it got when alice opened it. */
async function tries(t, route) {
  const mallory = await w.person();
  const alice = await w.person();
  for (const [name, body] of [["worker.js", "self.addEventListener('fetch', () => {})"], ["page.html", HOSTILE]]) {
    const answer = await fetch(`${w.origin}${route}${name}`, {
      method: "PUT", body, headers: { Authorization: `Basic ${Buffer.from(`${mallory.name}:${mallory.password}`).toString("base64")}` },
    });
    assert.equal(answer.status, 201);
  }
  const page = await w.signedIn(t, alice);
  await handUnlock(page, alice);
  assert.equal((await page.goto(`${route}page.html`)).status(), 200);
  const out = page.locator("#out");
  await until(async () => (await out.textContent()) !== "", "the page to have tried everything");
  const tried = JSON.parse(await out.textContent());
  for (const kind of ["policy", "console", "failed", "status", "script"]) page.faults.take(kind); // refused loudly
  return { alice, page, tried };
}

once("a page that somebody uploaded runs in an origin of its own", async (t) => {
  const { alice, page, tried } = await tries(t, "/files/");
  for (const [name, got] of Object.entries(tried)) {
    switch (name) {
      case "origin":
        assert.equal(got, "null");
        break;
      case "frame":
        assert.equal(got, "out of reach");
        break;
      case "blind write":
        assert.match(got, /^(refused: |opaque 0 $)/);
        break;
      default:
        assert.match(got, /^refused: (TypeError|SecurityError)$/, name);
    }
  }
  await w.call("GET", "/me/apikey", undefined, alice, 404);
  assert.deepEqual(page.context().serviceWorkers(), []);
  assert.ok(!JSON.stringify(tried).includes(alice.name));
});

once("what the sandbox keeps out is real: a route without it lets the page act as whoever looks at it", async (t) => {
  const { alice, tried } = await tries(t, "/open/");
  assert.equal(tried.origin, w.origin);
  assert.match(tried["read /-/api/v1/whoami"], new RegExp(`^basic 200 .*${alice.name}`));
});
