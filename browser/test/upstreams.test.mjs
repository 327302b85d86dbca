// What people store for upstreams: tested before it is saved, and told truly.

import assert from "node:assert/strict";
import { after } from "node:test";

import { axe } from "../harness/looks.mjs";
import { freePort } from "../harness/ports.mjs";
import { serve } from "../harness/server.mjs";
import { complaint, lockedPanel, press, said, unlock } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

let artifacts, mover, elsewhere, deadPort;

const w = world(async () => {
  const known = { alice: "open sesame", berta: "another one" };
  artifacts = await serve((request) => {
    const [name, secret] = Buffer.from((request.headers.authorization ?? "").replace("Basic ", ""), "base64").toString().split(":");
    if (known[name] === undefined || known[name] !== secret) return { status: 401, headers: { "WWW-Authenticate": "Basic realm=x" }, body: "no" };
    return { body: `hello ${name}` };
  });
  elsewhere = await serve(() => ({ body: "stolen" }));
  mover = await serve(() => ({ status: 302, headers: { Location: elsewhere.origin } }));
  deadPort = await freePort();
  return {
    upstreams: [
      { name: "artifacts", url: `${artifacts.origin}/whoami`, send: "basic", sign_up: "https://artifacts.example.com/join" },
      { name: "mover", url: mover.origin, send: "bearer" },
      { name: "dead", url: `http://127.0.0.1:${deadPort}`, send: "bearer" },
      { name: "nowhere", url: "http://no-such-host.invalid", send: "header", header: "X-Secret" },
    ],
    routes: [{ name: "artifacts", path: "/artifacts/", upstream: artifacts.origin, read: ["authenticated"], write: ["authenticated"], identity: { upstream_credential: "artifacts" } }],
  };
});
after(() => Promise.all([artifacts?.stop(), mover?.stop(), elsewhere?.stop()]));

async function begin(t, options, more = {}) {
  const alice = await w.person(more);
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  await page.goto("/ui/profile/upstreams");
  return { alice, page };
}

// part is the section of one upstream.
function part(page, name) {
  return page.locator("main section").filter({ has: page.getByRole("heading", { level: 2, name: new RegExp(`^${name}`) }) });
}

async function fill(place, { name, secret }) {
  if (name !== undefined) await place.getByLabel("Name", { exact: true }).fill(name);
  await place.getByLabel("Secret").fill(secret);
}

// answer is what the page says after a test.
async function answer(place) {
  const at = place.getByRole("status").or(place.getByRole("alert")).filter({ hasText: /./ });
  await at.first().waitFor();
  return at.first().innerText();
}

both("a name and secret are tested, then saved, and never shown again", async (t, options) => {
  const { page } = await begin(t, options);
  const at = part(page, "artifacts");
  assert.match(await at.innerText(), new RegExp(artifacts.origin));
  assert.equal(await at.getByRole("link", { name: "Get an account there" }).getAttribute("href"), "https://artifacts.example.com/join");
  await fill(at, { name: "alice", secret: "open sesame" });
  await press(at, "Test");
  assert.match(await answer(at), /answered 200 OK to this name and secret/);
  assert.equal(await at.getByLabel("Secret").inputValue(), "", "a secret is not sent back");
  assert.equal(await at.getByLabel("Name", { exact: true }).inputValue(), "alice");
  assert.equal((await act(page, "GET", "/users/me/upstreams")).items.length, 0, "a test stores nothing");
  await fill(at, { secret: "open sesame" });
  await press(at, "Save");
  await said(page, /Saved/);
  assert.match(await at.innerText(), /Stored just now for alice/);
  assert.ok(!(await page.content()).includes("open sesame"));
  await press(at, "Test what is stored");
  assert.match(await answer(at), /answered 200 OK to this name and secret/);
});

both("four kinds of failure get four true answers", async (t, options) => {
  const told = {};
  for (const [name, typed] of [
    ["artifacts", { name: "alice", secret: "not this one" }],
    ["mover", { secret: "a-token" }],
    ["dead", { secret: "a-token" }],
    ["nowhere", { secret: "a-token" }],
  ]) {
    const { page } = await begin(t, options);
    const at = part(page, name);
    await fill(at, typed);
    await press(at, "Test");
    told[name] = await answer(at);
    if (options.js) await axe(page);
  }
  assert.match(told.artifacts, /401|refused|not accept/i);
  assert.match(told.mover, /redirect|elsewhere|another address|leads/i);
  assert.match(told.dead, /not answer|reach|connect/i);
  assert.match(told.nowhere, /no address|not found|name/i);
  assert.equal(new Set(Object.values(told)).size, 4);
  assert.equal(elsewhere.seen.length, 0, "a redirect is not followed");
});

both("two people are two to the upstream", async (t, options) => {
  for (const [name, secret] of [["alice", "open sesame"], ["berta", "another one"]]) {
    const { page } = await begin(t, options);
    const at = part(page, "artifacts");
    await fill(at, { name, secret });
    await press(at, "Save");
    await said(page, /Saved/);
    await page.goto("/artifacts/hello");
    assert.equal(await page.locator("body").innerText(), `hello ${name}`);
  }
});

both("without a secret of their own people are told where to enter it", async (t, options) => {
  const { page } = await begin(t, options);
  const reply = await page.goto("/artifacts/hello");
  assert.equal(reply.status(), 403);
  assert.match(await page.locator("main").innerText(), /\/ui\/profile\/upstreams/);
});

both("what is missing is said at its field, and the name is kept", async (t, options) => {
  const { page } = await begin(t, options);
  const at = part(page, "artifacts");
  await page.locator("input[required]").evaluateAll((all) => all.forEach((e) => e.removeAttribute("required")));
  await at.getByLabel("Name", { exact: true }).fill("alice");
  await press(at, "Save");
  await at.locator("[aria-invalid=true]").first().waitFor();
  assert.notEqual(await complaint(at.getByLabel("Secret")), "");
  assert.equal(await at.getByLabel("Name", { exact: true }).inputValue(), "alice");
  assert.equal((await act(page, "GET", "/users/me/upstreams")).items.length, 0);
});

both("what is stored is deleted after a question", async (t, options) => {
  const { page } = await begin(t, options);
  await act(page, "PUT", "/users/me/upstreams/artifacts", { name: "alice", secret: "open sesame" });
  await page.reload();
  await part(page, "artifacts").getByRole("link", { name: "Delete" }).click();
  await page.getByRole("heading", { level: 1, name: /artifacts/ }).waitFor();
  await page.locator("main").getByRole("button", { name: /^Delete/ }).click();
  await said(page, /deleted/);
  assert.equal((await act(page, "GET", "/users/me/upstreams")).items.length, 0);
});

both("an unlock that ends meanwhile costs the secrets alone", async (t, options) => {
  const { page, alice } = await begin(t, options);
  const at = part(page, "artifacts");
  await fill(at, { name: "alice", secret: "open sesame" });
  await act(page, "POST", "/session/lock");
  await press(at, "Save");
  const password = page.getByLabel(/your( current)? password/i);
  await password.first().waitFor();
  assert.equal(await at.getByLabel("Name", { exact: true }).inputValue(), "alice");
  assert.equal(await at.getByLabel("Secret").inputValue(), "");
  await password.first().fill(alice.password);
  await fill(at, { secret: "open sesame" });
  await press(at, "Save");
  await said(page, /Saved/);
});

once("while locked nothing is offered", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  await page.goto("/ui/profile/upstreams");
  await lockedPanel(page).waitFor();
  assert.equal(await page.getByLabel("Secret").count(), 0);
  await unlock(page, alice);
  assert.equal(new URL(page.url()).pathname, "/ui/profile/upstreams");
  assert.equal(await page.getByLabel("Secret").count(), 4);
});
