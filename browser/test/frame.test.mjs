// What every page has: its headers, its frame, and an error page that helps.

import assert from "node:assert/strict";

import { looksRight } from "../harness/looks.mjs";
import { both, once, world } from "../harness/world.mjs";

const w = world();

const NOBODYS = ["/ui/login", "/ui/forgot", "/ui/reset", "/ui/email?key=x", "/ui/login?jfClientSession=x", "/ui/nothing-here", "/nothing-here"];
const SOMEBODYS = [
  "/ui/", "/ui/profile", "/ui/profile/unlock", "/ui/profile/tokens/new", "/ui/profile/ssh", "/ui/profile/accounts", "/ui/profile/upstreams",
  "/ui/profile/sessions", "/ui/profile/activity", "/ui/profile/account", "/ui/admin/users",
];
const ADMINS = ["/ui/admin/users", "/ui/admin/users/new", "/ui/admin/groups", "/ui/admin/keys", "/ui/admin/audit", "/ui/admin/policies", "/ui/admin/health"];

once("every page tells browsers to keep it to itself", async (t) => {
  const [alice, root] = [await w.person(), await w.person({ admin: true })];
  for (const [page, paths] of [[await w.visit(t), NOBODYS], [await w.signedIn(t, alice), SOMEBODYS.concat("/ui/nothing-here")], [await w.signedIn(t, root), ADMINS]]) {
    for (const path of paths) {
      guarded((await page.goto(path)).headers(), path);
    }
  }
});

once("no page and no answer of the API is for scripts of other origins", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  for (const path of [...NOBODYS, ...SOMEBODYS, "/-/api/v1/whoami", "/-/api/v1/openapi.json", "/ui/style.css", "/ui/app.js"]) {
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await page.request.fetch(path, {
        method, maxRedirects: 0, headers: { Origin: "https://evil.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a" },
      });
      for (const name of Object.keys(answer.headers())) {
        assert.ok(!name.startsWith("access-control-"), `${method} ${path} sends ${name}`);
      }
    }
  }
});

once("the addresses of style sheet and script change with them, and both are small and may be kept", async (t) => {
  const page = await w.visit(t);
  await page.goto("/ui/login");
  for (const [selector, attribute, media, most] of [["link[rel=stylesheet]", "href", /^text\/css/, 12_000], ["script", "src", /^text\/javascript/, 8_000]]) {
    const address = await page.locator(selector).getAttribute(attribute);
    assert.match(address, /^\/ui\/[a-z.]+\?.+/);
    const answer = await page.request.get(address);
    const headers = answer.headers();
    assert.match(headers["cache-control"], /^public, max-age=\d+/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.match(headers["content-type"], media);
    assert.ok((await answer.body()).length <= most, `${address} is larger than ${most} bytes`);
  }
});

both("an address that is nothing says so, what to do, and a number to ask about", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  const answer = await page.goto("/ui/nothing-here");
  assert.equal(answer.status(), 404);
  await page.getByRole("heading", { level: 1, name: "This page does not exist" }).waitFor();
  const body = await page.locator("main").innerText();
  assert.match(body, /Request [A-Z0-9]{20,}/);
  await page.getByRole("link", { name: "Go to your account" }).click();
  await page.waitForURL(`${w.origin}/ui/profile**`);
  await page.goto("/ui/login?next=%2Fui%2F");
});

once("programs get no page but their own kind of error", async () => {
  const answer = await fetch(`${w.origin}/ui/nothing-here`, { headers: { Accept: "application/json" } });
  assert.equal(answer.status, 404);
  assert.match(answer.headers.get("content-type"), /json/);
});

once("error pages look right everywhere", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  await page.goto("/ui/nothing-here");
  await looksRight(page, "error");
});

// guarded asserts the headers of a page.
function guarded(headers, path) {
  const policy = directives(headers["content-security-policy"]);
  assert.deepEqual(policy["default-src"], ["'none'"], path);
  assert.deepEqual(policy["frame-ancestors"], ["'none'"], path);
  assert.deepEqual(policy["base-uri"], ["'none'"], path);
  assert.ok("form-action" in policy, path);
  if ("script-src" in policy) {
    assert.deepEqual(policy["require-trusted-types-for"], ["'script'"], path);
    assert.deepEqual(policy["trusted-types"], ["'none'"], path);
    delete policy["require-trusted-types-for"]; // names no source
  }
  for (const [directive, sources] of Object.entries(policy)) {
    for (const source of sources) {
      assert.match(source, /^('self'|'none'|'sha256-[A-Za-z0-9+/=]+'|data:|https?:\/\/[a-z0-9.:-]+\/ui\/(app\.js|style\.css))$/, `${directive} of ${path}`);
    }
  }
  assert.ok(!(policy["script-src"] ?? []).includes("data:"), path);
  assert.equal(headers["x-content-type-options"], "nosniff", path);
  assert.match(headers["referrer-policy"], /^(no-referrer|strict-origin)$/, path);
  assert.equal(headers["cross-origin-opener-policy"], "same-origin", path);
  assert.match(headers["cache-control"], /no-store/, path);
  assert.match(headers["content-type"], /^text\/html; charset=utf-8$/, path);
}

function directives(policy) {
  return Object.fromEntries((policy ?? "").split(";").map((d) => d.trim().split(/\s+/)).filter(([name]) => name).map(([name, ...sources]) => [name, sources]));
}
