// The profile: locked, unlocked, the API key and the encrypted password.

import assert from "node:assert/strict";

import { axe } from "../harness/looks.mjs";
import { follow, lockedPanel, press, said, secretOf, section, unlock, unlockedBar } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

const KEY = /^AKCp8[A-Za-z0-9]{68}$/;

both("the login name at the top right opens the profile, which is locked", async (t, options) => {
  const alice = await w.person();
  await w.call("POST", "/me/apikey", undefined, alice);
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/login");
  await page.getByRole("banner").getByRole("link", { name: alice.name }).click();
  await page.waitForURL(`${w.origin}/ui/profile`);
  await lockedPanel(page).waitFor();
  assert.equal(await unlockedBar(page).count(), 0);
  assert.match(await section(page, "API key").innerText(), /•{8}/);
  for (const name of ["View", "Copy", "Revoke", "Regenerate", "Generate API key"]) {
    assert.equal(await page.locator("main").getByText(name, { exact: true }).count(), 0, `${name} is not offered while locked`);
  }
});

both("a wrong password unlocks nothing, says so at the field, and the right one does", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile");
  const field = page.getByLabel("Your current password");
  await field.fill("this is not my password");
  await press(page, "Unlock");
  await page.getByText(/password is not right|is wrong|does not/i).first().waitFor();
  assert.equal(await field.inputValue(), "");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  if (options.js) await axe(page);
  await unlock(page, alice);
  assert.equal(new URL(page.url()).pathname, "/ui/profile");
});

both("Lock now locks", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile");
  await unlock(page, alice);
  assert.match(await unlockedBar(page).innerText(), /Unlocked until .*left/s);
  await press(page, "Lock now");
  await lockedPanel(page).waitFor();
  assert.equal(await unlockedBar(page).count(), 0);
});

both("an unlock is bound to its session", async (t, options) => {
  const alice = await w.person();
  const here = await w.signedIn(t, alice, options);
  await here.goto("/ui/profile");
  await unlock(here, alice);
  const there = await w.signedIn(t, alice, options);
  await there.goto("/ui/profile");
  await lockedPanel(there).waitFor();
});

both("an API key is made, viewed, regenerated and revoked", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile");
  await unlock(page, alice);
  const key = section(page, "API key");
  await press(key, "Generate API key");
  await said(page, /API key is made/);
  assert.ok(!(await page.content()).includes("AKCp8"), "it is masked until somebody wants to see it");

  const first = await secretOf(key);
  assert.match(first, KEY);
  assert.ok(!page.url().includes(first));
  assert.equal((await whoami(first)).status, 200);

  await page.goto("/ui/profile");
  await follow(key, "Regenerate");
  assert.match(await page.locator("main").innerText(), /stops working at once/);
  await press(page, "Regenerate API key");
  await said(page, /new API key/);
  const second = await secretOf(key);
  assert.match(second, KEY);
  assert.notEqual(second, first);
  assert.equal((await whoami(first)).status, 403);
  assert.equal((await whoami(second)).status, 200);

  await page.goto("/ui/profile");
  await follow(key, "Revoke");
  await page.getByRole("heading", { level: 1, name: /Revoke your API key/ }).waitFor();
  await follow(page, "Cancel");
  assert.equal((await whoami(second)).status, 200, "asking changes nothing");
  await follow(key, "Revoke");
  await press(page, "Revoke API key");
  await said(page, /revoked/);
  assert.equal((await whoami(second)).status, 403);
  await key.getByText("You have no API key.").waitFor();
});

both("where the API key was used stands beside it", async (t, options) => {
  const alice = await w.person();
  const { body } = await w.call("POST", "/me/apikey", undefined, alice);
  await fetch(`${w.origin}/-/api/v1/whoami`, { headers: { "X-Api-Key": body.api_key, "User-Agent": "git-lfs/3.5.1" } });
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile");
  const text = await section(page, "API key").innerText();
  assert.match(text, /Made just now/);
  assert.match(text, /last used just now from 127\.0\.0\.1 with git-lfs\/3\.5\.1/);
});

once("Copy copies without showing, and says so", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, { permissions: ["clipboard-read", "clipboard-write"] });
  await act(page, "POST", "/session/unlock", { password: alice.password });
  await act(page, "POST", "/me/apikey");
  await page.goto("/ui/profile");
  const key = section(page, "API key");
  await press(key, "Copy");
  await said(page, /^Copied/);
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, KEY);
  assert.match(await key.getByRole("textbox").innerText(), /^•+$/);
  assert.equal(await secretOf(key), copied, "what was copied is what View shows");
  await press(key, "Hide");
  assert.match(await key.getByRole("textbox").innerText(), /^•+$/);
});

both("the encrypted password stands in for the password", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile");
  await unlock(page, alice);
  const text = await secretOf(section(page, "Encrypted password"));
  assert.match(text, /^AP\w+/);
  const { body } = await w.daemon.call({ path: "/whoami", as: { name: alice.name, password: text } });
  assert.equal(body.user, alice.name);
  await page.goto("/ui/profile");
  assert.ok(!(await page.content()).includes(text), "it is masked again");
});

both("what the profile did not notice, that it was locked meanwhile, is explained and loses nothing", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile");
  await unlock(page, alice);
  await act(page, "POST", "/session/lock");
  await press(section(page, "API key"), "Generate API key");
  await page.getByText(/locked itself meanwhile/).waitFor();
  await lockedPanel(page).waitFor();
  await w.call("GET", "/me/apikey", undefined, alice, 404);
  await unlock(page, alice);
  await press(section(page, "API key"), "Generate API key");
  await said(page, /API key is made/);
});

both("two tabs that revoke and regenerate at once end in one truth, told in both", async (t, options) => {
  const alice = await w.person();
  const first = await w.signedIn(t, alice, options);
  await handUnlock(first, alice);
  await act(first, "POST", "/me/apikey");
  const second = await first.context().newPage();
  await first.goto("/ui/profile/apikey/revoke");
  await second.goto("/ui/profile/apikey/rotate");
  await press(first, "Revoke API key");
  await said(first, /revoked/);
  await press(second, "Regenerate API key");
  assert.match(await second.getByRole("alert").innerText(), /no API key any more/);
  await section(second, "API key").getByText("You have no API key.").waitFor();
});

both("a form that is sent again does no harm", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  await page.goto("/ui/profile");
  const second = await page.context().newPage();
  await second.goto("/ui/profile");
  await press(section(page, "API key"), "Generate API key");
  await said(page, /API key is made/);
  const key = await secretOf(section(page, "API key"));
  await press(section(second, "API key"), "Generate API key");
  await second.getByRole("alert").waitFor();
  assert.match(await second.getByRole("alert").innerText(), /already|exists|have an API key/i);
  assert.equal((await whoami(key)).status, 200, "the key that is in use lives on");
});

both("signed out meanwhile, a form leads to signing in", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  await page.goto("/ui/profile");
  await act(page, "DELETE", "/session");
  await press(section(page, "API key"), "Generate API key");
  await page.waitForURL(`${w.origin}/ui/login**`);
  await w.call("GET", "/me/apikey", undefined, alice, 404);
});

once("nothing secret stays in the browser after leaving", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  await handUnlock(page, alice);
  await act(page, "POST", "/me/apikey");
  await page.goto("/ui/profile");
  const key = await secretOf(section(page, "API key"));
  assert.equal((await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.title, location.href]))).includes(key), false);
  await act(page, "DELETE", "/session");
  await page.goto("/ui/login");
  await page.goBack();
  await page.waitForLoadState();
  assert.ok(!(await page.content()).includes(key));
});

async function whoami(key) {
  return fetch(`${w.origin}/-/api/v1/whoami`, { headers: { "X-Api-Key": key } });
}
