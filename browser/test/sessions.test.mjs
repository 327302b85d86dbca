// Where somebody is signed in, and ending it.

import assert from "node:assert/strict";

import { axe } from "../harness/looks.mjs";
import { follow, lockedPanel, press, said, unlock } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

both("every browser that is signed in is told, this one marked, and none can be ended while locked", async (t, options) => {
  const alice = await w.person();
  const there = await w.signedIn(t, alice, { ...options, userAgent: FIREFOX });
  await there.goto("/ui/profile");
  const here = await w.signedIn(t, alice, options);
  await here.goto("/ui/profile/sessions");
  const rows = here.locator("main li");
  assert.equal(await rows.count(), 2);
  assert.match(await rows.nth(0).innerText(), /this browser/);
  assert.match(await rows.nth(1).innerText(), /Firefox[^]*From 127\.0\.0\.1[^]*Signed in just now/);
  assert.doesNotMatch(await rows.nth(1).innerText(), /this browser/);
  await lockedPanel(here).waitFor();
  assert.equal(await here.locator("main").getByText(/^End/).count(), 0);
});

both("one session is ended, and the others live on", async (t, options) => {
  const alice = await w.person();
  const there = await w.signedIn(t, alice, { ...options, userAgent: FIREFOX });
  await there.goto("/ui/profile");
  const here = await w.signedIn(t, alice, options);
  await here.goto("/ui/profile/sessions");
  await unlock(here, alice);
  if (options.js) await axe(here);
  await press(here, /^End the session of Firefox/);
  await said(here, /session is ended/);
  await there.goto("/ui/profile");
  assert.equal(new URL(there.url()).pathname, "/ui/login");
  await here.getByText("You are signed in nowhere else.").waitFor();
});

both("all others are ended at once, after the question", async (t, options) => {
  const alice = await w.person();
  const others = [];
  for (let i = 0; i < 3; i++) others.push(await w.signedIn(t, alice, options));
  const here = await w.signedIn(t, alice, options);
  await handUnlock(here, alice);
  await here.goto("/ui/profile/sessions");
  await follow(here, "End all other sessions");
  assert.match(await here.locator("main").innerText(), /every other browser \(3 sessions\)/);
  await press(here, "End all other sessions");
  await said(here, /All other sessions are ended/);
  for (const page of others) {
    await page.goto("/ui/profile");
    assert.equal(new URL(page.url()).pathname, "/ui/login");
  }
});

both("a session that ended meanwhile is told so", async (t, options) => {
  const alice = await w.person();
  const there = await w.signedIn(t, alice, { ...options, userAgent: FIREFOX });
  const here = await w.signedIn(t, alice, options);
  await handUnlock(here, alice);
  await here.goto("/ui/profile/sessions");
  await act(there, "DELETE", "/session");
  await press(here, /^End the session/);
  await said(here, /had ended already/);
});

once("sessions of others can neither be seen nor ended", async (t) => {
  const [alice, eve] = [await w.person(), await w.person()];
  const victim = await w.signedIn(t, alice);
  const { items } = await act(victim, "GET", "/users/me/sessions");
  const page = await w.signedIn(t, eve);
  await handUnlock(page, eve);
  await page.goto("/ui/profile/sessions");
  assert.equal(await page.locator("main li").count(), 1);
  await page.request.post(`${w.origin}/ui/profile/sessions/end`, { headers: { Origin: w.origin }, form: { session: items[0].id } });
  assert.equal((await victim.goto("/ui/profile")).status(), 200);
  assert.equal(new URL(victim.url()).pathname, "/ui/profile");
});
