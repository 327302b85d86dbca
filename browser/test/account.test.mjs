// The account: display name, e-mail and password, and leaving unsaved.

import assert from "node:assert/strict";

import { axe } from "../harness/looks.mjs";
import { complaint, follow, lockedPanel, press, said, signIn, unlock } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

const NEW = "quite another password of mine";

async function begin(t, options, more = {}) {
  const alice = await w.person(more);
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  await page.goto("/ui/profile/account");
  return { alice, page };
}

function part(page, name) {
  return page.locator("main section").filter({ has: page.getByRole("heading", { name, exact: true }) });
}

async function change(page, old, fresh, again = fresh) {
  const at = part(page, "Password");
  await at.getByLabel("Current password").fill(old);
  await at.getByLabel("New password", { exact: true }).fill(fresh);
  await at.getByLabel("New password once more").fill(again);
  await press(at, "Save");
}

both("the display name is saved", async (t, options) => {
  const { alice, page } = await begin(t, options);
  await page.getByLabel("Display name").fill("Alice Ahrens");
  await press(page.locator("main form").filter({ has: page.getByLabel("Display name") }), "Save");
  await said(page, /Saved/);
  assert.equal((await w.call("GET", `/users/${alice.name}`)).body.display_name, "Alice Ahrens");
});

both("the e-mail address changes at once where no mail is sent; one that is none is refused and kept in the field", async (t, options) => {
  const { alice, page } = await begin(t, options);
  const at = part(page, "E-mail");
  await at.locator("form").evaluate((form) => { form.noValidate = true; }); // the browser would say it first
  await at.getByLabel("E-mail address").fill("no address");
  await press(at, "Save");
  const refused = page.locator("[aria-invalid=true]").first();
  await refused.waitFor();
  assert.notEqual(await complaint(refused), "");
  assert.equal(await refused.inputValue(), "no address");
  if (options.js) await axe(page);
  await at.getByLabel("E-mail address").fill(`new.${alice.email}`);
  await press(at, "Save");
  await said(page, /Saved/);
  assert.equal((await w.call("GET", `/users/${alice.name}`)).body.email, `new.${alice.email}`);
});

both("the password is changed; other sessions end, this one goes on", async (t, options) => {
  const { alice, page } = await begin(t, options);
  const other = await w.signedIn(t, alice, options);
  await change(page, alice.password, NEW);
  await said(page, /password is changed/);
  assert.ok(!(await page.content()).includes(NEW));
  await other.goto("/ui/profile");
  assert.equal(new URL(other.url()).pathname, "/ui/login");
  await signIn(other, { name: alice.name, password: NEW });
  await other.waitForURL(`${w.origin}/ui/profile**`);
});

both("mistakes in a new password stand at their fields, and no password comes back", async (t, options) => {
  const { alice, page } = await begin(t, options);
  const at = part(page, "Password");
  for (const [old, fresh, again, label, sentence] of [
    ["not my password at all", NEW, NEW, "Current password", /./],
    [alice.password, "short", "short", "New password", /15/],
    [alice.password, `${alice.name}${alice.name}`, `${alice.name}${alice.name}`, "New password", /./],
    [alice.password, "passwordpassword", "passwordpassword", "New password", /./],
    [alice.password, NEW, `${NEW}?`, "New password once more", /differ|same|twice/],
  ]) {
    await change(page, old, fresh, again);
    await page.locator("[aria-invalid=true]").first().waitFor();
    assert.match(await complaint(at.getByLabel(label, { exact: true })), sentence, `${label} after ${fresh}`);
    for (const field of await at.locator("input[type=password]").all()) assert.equal(await field.inputValue(), "");
    assert.ok(!(await page.content()).includes(fresh) || fresh === `${alice.name}${alice.name}`);
    assert.equal((await w.daemon.call({ path: "/whoami", as: alice })).status, 200);
    await page.goto("/ui/profile/account");
  }
});

once("the strength indicator says what the rule still asks for", async (t) => {
  const { page } = await begin(t, {});
  const at = part(page, "Password");
  const field = at.getByLabel("New password", { exact: true });
  const meter = at.locator("[data-meter]");
  for (const [typed, says] of [["abc", /12 more characters/], ["abcdefghijklmn", /1 more character /], ["a".repeat(20), /easy|repeat/i], ["correct horse battery staple", /Long enough/], ["", /^$/]]) {
    await field.fill(typed);
    await page.waitForFunction(({ source, flags }) => new RegExp(source, flags).test(document.querySelector("[data-meter]").textContent.trim()), { source: says.source, flags: says.flags });
  }
  assert.equal(await meter.getAttribute("aria-live"), "polite");
});

once("leaving with something typed asks, saving does not", async (t) => {
  const { page } = await begin(t, {});
  await page.getByLabel("Display name").fill("Typed and not saved");
  page.expectedDialogs = ["beforeunload"];
  page.answerDialogs = "dismiss";
  await page.getByRole("link", { name: "Sessions" }).click();
  assert.deepEqual(page.expectedDialogs, [], "it was asked");
  assert.equal(await page.getByLabel("Display name").inputValue(), "Typed and not saved");
  await press(page.locator("main form").filter({ has: page.getByLabel("Display name") }), "Save");
  await said(page, /Saved/);
  await follow(page.getByRole("navigation", { name: "Profile" }), "Sessions");
  await page.getByRole("heading", { level: 1, name: "Sessions" }).waitFor();
});

both("locked, nothing can be changed, and unlocking comes back", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile/account");
  await lockedPanel(page).waitFor();
  assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);
  await unlock(page, alice);
  assert.equal(new URL(page.url()).pathname, "/ui/profile/account");
});

both("an unlock that ends meanwhile costs the password alone", async (t, options) => {
  const { alice, page } = await begin(t, options);
  await page.getByLabel("Display name").fill("Typed before");
  await act(page, "POST", "/session/lock");
  await press(page.locator("main form").filter({ has: page.getByLabel("Display name") }), "Save");
  const password = page.locator("main form").filter({ has: page.getByLabel("Display name") }).getByLabel(/password/i);
  await password.waitFor();
  assert.equal(await page.getByLabel("Display name").inputValue(), "Typed before");
  await password.fill(alice.password);
  await press(page.locator("main form").filter({ has: page.getByLabel("Display name") }), "Save");
  await said(page, /Saved/);
  assert.equal((await w.call("GET", `/users/${alice.name}`)).body.display_name, "Typed before");
});

both("a profile that the administrators keep says so and offers nothing that it would refuse", async (t, options) => {
  const { page } = await begin(t, options, { may_update_profile: false });
  await page.locator("main .note").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);
});

both("what happened to the account is told, newest first", async (t, options) => {
  const { alice, page } = await begin(t, options);
  await act(page, "POST", "/me/tokens", { description: "of activity" });
  await w.call("POST", `/users/${alice.name}/clear-guesses`);
  await page.goto("/ui/profile/activity");
  const rows = page.locator("main .rows > li");
  const text = await page.locator("main").innerText();
  assert.ok((await rows.count()) >= 3);
  assert.match(text, /Unlocked|unlock/i);
  assert.match(text, /token/i);
  assert.match(text, /127\.0\.0\.1/);
  if (options.js) await axe(page);
});
