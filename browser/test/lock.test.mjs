// How an unlock ends by itself, as it was configured.

import assert from "node:assert/strict";

import { until } from "../harness/daemon.mjs";
import { lockedPanel, press, secretOf, section, unlock, unlockedBar } from "../harness/steps.mjs";
import { act, both, once, world } from "../harness/world.mjs";

const w = world({ profile: { unlock_for: "4s" } });

once("the time that is left runs down on the page, which then locks itself and shows nothing any more", async (t) => {
  const alice = await w.person();
  await w.call("POST", "/me/apikey", undefined, alice);
  const page = await w.signedIn(t, alice);
  await page.goto("/ui/profile");
  await unlock(page, alice);
  const key = await secretOf(section(page, "API key"));
  const left = async () => (await unlockedBar(page).innerText()).match(/0:0\d left/)?.[0];
  const first = await left();
  await until(async () => (await unlockedBar(page).count()) === 0 || (await left()) !== first, "the countdown");
  await lockedPanel(page).waitFor();
  assert.ok(!(await page.content()).includes(key));
});

both("the server ends it, whatever a page still offers", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile");
  await unlock(page, alice);
  const other = await page.context().newPage(); // without a countdown of its own
  await other.goto("/ui/profile/unlock");
  await until(async () => !(await unlockedFor(page)), "the unlock to end");
  const answer = await page.request.post(`${w.origin}/ui/profile/apikey`, { headers: { Origin: w.origin }, form: {} });
  assert.equal(answer.status(), 403);
  assert.match(await answer.text(), /locked itself meanwhile/);
  await w.call("GET", "/me/apikey", undefined, alice, 404);
  await page.goto("/ui/profile");
  await lockedPanel(page).waitFor();
});

once("a session of another person is not unlocked by it", async (t) => {
  const [alice, eve] = [await w.person(), await w.person()];
  const page = await w.signedIn(t, alice);
  await page.goto("/ui/profile");
  await page.getByLabel("Your current password").fill(eve.password);
  await press(page, "Unlock");
  await page.locator("[aria-invalid=true]").waitFor();
  await lockedPanel(page).waitFor();
});

async function unlockedFor(page) {
  const sessions = await act(page, "GET", "/users/me/sessions");
  const mine = sessions.items.find((s) => s.current);
  return mine.unlocked_until && new Date(mine.unlocked_until) > new Date();
}
