// Administration: users, what they have, groups, keys, audit, policies, health.

import assert from "node:assert/strict";

import { axe } from "../harness/looks.mjs";
import { sshKey } from "../harness/sshkeys.mjs";
import { complaint, follow, lockedPanel, press, said, signIn, unlock } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

// begin is an administrator's page, unlocked.
async function begin(t, options, path = "/ui/admin/users") {
  const root = await w.person({ admin: true });
  const page = await w.signedIn(t, root, options);
  await handUnlock(page, root);
  await page.goto(path);
  return { root, page };
}

let last = 0;
const fresh = (word) => `${word}${process.pid}x${last++}`;

both("the administration is for administrators alone", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  await page.goto("/ui/profile");
  assert.equal(await page.getByRole("banner").getByRole("link", { name: "Administration" }).count(), 0);
  for (const path of ["", "/users", "/users/new", `/users/${alice.name}`, "/groups", "/keys", "/keys/revoke-all", "/audit", "/policies", "/health"]) {
    const answer = await page.goto(`/ui/admin${path}`);
    assert.equal(answer.status(), 403, path);
    await page.getByRole("heading", { level: 1, name: "You may not open this" }).waitFor();
  }
  for (const path of ["/keys/revoke-all", `/users/${w.daemon.admin.name}/disable`]) {
    const answer = await page.request.post(`${w.origin}/ui/admin${path}`, { headers: { Origin: w.origin }, form: { words: "revoke all" } });
    assert.equal(answer.status(), 403, path);
  }
});

both("locked, lists are read and nothing is offered; unlocking comes back", async (t, options) => {
  const root = await w.person({ admin: true });
  const alice = await w.person();
  const page = await w.signedIn(t, root, options);
  await page.goto(`/ui/admin/users/${alice.name}`);
  await lockedPanel(page).waitFor();
  for (const name of ["Edit", "Disable", "Delete"]) assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
  await unlock(page, root);
  assert.equal(new URL(page.url()).pathname, `/ui/admin/users/${alice.name}`);
  await page.getByRole("link", { name: "Disable", exact: true }).waitFor();
});

both("a user is found by a part of the name", async (t, options) => {
  const [one, other] = [await w.person({ name: fresh("findme"), display_name: "Find Me" }), await w.person()];
  const { page } = await begin(t, options);
  await page.getByLabel("Part of the name").fill(one.name.slice(0, -1));
  await press(page, "Search");
  const row = page.getByRole("row").filter({ hasText: one.name });
  assert.match(await row.innerText(), /Find Me[^]*@example\.com/);
  assert.equal(await page.getByRole("row").filter({ hasText: other.name }).count(), 0);
  await row.getByRole("link", { name: one.name }).click();
  await page.getByRole("heading", { level: 1, name: new RegExp(one.name) }).waitFor();
  await page.goto("/ui/admin/users?search=nobody-of-that-name");
  await page.getByText("No name has").waitFor();
});

both("a long list of users has pages", async (t, options) => {
  const { page } = await begin(t, options);
  const prefix = fresh("many");
  await Promise.all(Array.from({ length: 55 }, (_, i) => w.call("POST", "/users", { name: `${prefix}-${String(i).padStart(2, "0")}`, kind: "service" })));
  await page.goto(`/ui/admin/users?search=${prefix}`);
  const seen = new Set();
  for (let pages = 0; pages < 5; pages++) {
    for (const name of await page.locator("tbody th").allInnerTexts()) seen.add(name.trim());
    const next = page.getByRole("link", { name: "Next page" });
    if ((await next.count()) === 0) break;
    const before = page.url();
    await next.click();
    await page.waitForURL((url) => url.href !== before);
  }
  assert.equal(seen.size, 55);
  await follow(page, "From the beginning");
  await page.getByText(`${prefix}-00`).waitFor();
});

both("a user is added with a first password, in a group, and signs in with it", async (t, options) => {
  const group = fresh("group");
  await w.call("POST", "/groups", { name: group });
  const { page } = await begin(t, options);
  await follow(page, "Add user");
  const name = fresh("new");
  const password = "the first of many passwords";
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Display name").fill("New Person");
  await page.getByLabel("E-mail").fill(`${name}@example.com`);
  await page.getByLabel(group, { exact: true }).check();
  await page.getByLabel("First password").fill(password);
  await page.getByLabel("The same password again").fill(password);
  await press(page, "Add user");
  await said(page, /user is added/);
  const { body } = await w.call("GET", `/users/${name}`);
  assert.deepEqual([body.display_name, body.email, body.groups], ["New Person", `${name}@example.com`, [group]]);
  const other = await w.visit(t, options);
  await signIn(other, { name, password });
  await other.waitForURL(`${w.origin}/ui/profile**`);
});

both("a mistake in a new user stands at its field, and keeps all but the passwords", async (t, options) => {
  const { page, root } = await begin(t, options, "/ui/admin/users/new");
  const fill = async (name, email, first, again) => {
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("Display name").fill("Kept Name");
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("First password").fill(first);
    await page.getByLabel("The same password again").fill(again);
    await press(page, "Add user");
    await page.locator("[aria-invalid=true]").first().waitFor();
    assert.equal(await page.getByLabel("Display name").inputValue(), "Kept Name");
    assert.equal(await page.getByLabel("First password").inputValue(), "");
    assert.equal(await page.getByLabel("The same password again").inputValue(), "");
  };
  const long = "long enough to be a password";
  const name = fresh("wrong");
  await fill(name, "wrong@example.com", long, `${long}!`);
  assert.match(await complaint(page.getByLabel("The same password again")), /differ/);
  await fill(name, "wrong@example.com", "short", "short");
  assert.match(await complaint(page.getByLabel("First password")), /15/);
  await fill("No Spaces", "wrong@example.com", long, long);
  assert.notEqual(await complaint(page.getByLabel("Name", { exact: true })), "");
  await fill(root.name, "wrong@example.com", long, long);
  assert.match(await complaint(page.getByLabel("Name", { exact: true })), /already|taken|exists/i);
  if (options.js) await axe(page);
  await w.call("GET", `/users/${name}`, undefined, w.root, 404);
});

both("a user is edited; what somebody else changed meanwhile stays", async (t, options) => {
  const alice = await w.person({ display_name: "Before" });
  const { page } = await begin(t, options, `/ui/admin/users/${alice.name}`);
  await follow(page, "Edit");
  assert.equal(await page.getByLabel("Display name").inputValue(), "Before");
  await w.call("PATCH", `/users/${alice.name}`, { email: "meanwhile@example.com" });
  await page.getByLabel("Display name").fill("After");
  await page.getByLabel("May update the profile").uncheck();
  await press(page, "Save");
  await said(page, /Saved/);
  const { body } = await w.call("GET", `/users/${alice.name}`);
  assert.deepEqual([body.display_name, body.email, body.may_update_profile], ["After", "meanwhile@example.com", false]);
});

both("a user is disabled and enabled again", async (t, options) => {
  const alice = await w.person();
  const hers = await w.signedIn(t, alice, options);
  const { page } = await begin(t, options, `/ui/admin/users/${alice.name}`);
  await follow(page, "Disable");
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), new RegExp(alice.name));
  await press(page, /^Disable/);
  await said(page, /user is disabled/);
  await hers.goto("/ui/profile");
  assert.equal(new URL(hers.url()).pathname, "/ui/login");
  await follow(page, "Enable");
  await press(page, /^Enable/);
  await said(page, /user is enabled/);
  assert.equal((await w.daemon.call({ path: "/whoami", as: alice })).status, 200);
});

both("deleting asks for the name to be typed", async (t, options) => {
  const alice = await w.person();
  const { page } = await begin(t, options, `/ui/admin/users/${alice.name}`);
  await follow(page, "Delete");
  const typed = page.getByLabel(/^Type/);
  await typed.fill("somebody else");
  await press(page, /^Delete/);
  await page.locator("[aria-invalid=true]").waitFor();
  await w.call("GET", `/users/${alice.name}`);
  await typed.fill(alice.name);
  await press(page, /^Delete/);
  await said(page, /user is deleted/);
  await w.call("GET", `/users/${alice.name}`, undefined, w.root, 404);
});

both("wrong guesses are cleared", async (t, options) => {
  const alice = await w.person();
  await w.guess(alice.name, 51);
  await w.daemon.call({ path: "/whoami", as: alice, expect: 429 });
  const { page } = await begin(t, options, `/ui/admin/users/${alice.name}`);
  await follow(page, "Clear wrong guesses");
  await press(page, /^Clear/);
  await said(page, /cleared/);
  await w.daemon.call({ path: "/whoami", as: alice });
});

both("what a user has is listed, and ended one by one", async (t, options) => {
  const alice = await w.person();
  const { body: key } = await w.call("POST", "/me/apikey", undefined, alice);
  const { body: token } = await w.call("POST", "/me/tokens", { description: "Of the build server" }, alice);
  await w.call("POST", "/me/sshkeys", { key: sshKey().line, title: "Of the laptop" }, alice);
  const hers = await w.signedIn(t, alice, options);
  const { page } = await begin(t, options, `/ui/admin/users/${alice.name}`);
  if (options.js) await axe(page);
  const content = await page.content();
  assert.ok(!content.includes(key.api_key) && !content.includes("cmVmd"), "an administrator sees no secret");

  for (const [what, status] of [["Of the build server", /token/i], ["Of the laptop", /SSH key/i]]) {
    await page.locator("li").filter({ hasText: what }).getByRole("link", { name: /Revoke|Delete|End/ }).click();
    assert.match(await page.locator("main").innerText(), new RegExp(what));
    await page.locator("main").getByRole("button", { name: /Revoke|Delete|End/ }).click();
    await said(page, status);
  }
  await w.daemon.call({ path: "/whoami", as: { token: token.access_token }, expect: 401 });
  assert.equal((await w.call("GET", `/users/${alice.name}/sshkeys`)).body.items.length, 0);

  await page.goto(`/ui/admin/users/${alice.name}`);
  await follow(page, "Revoke the API key");
  await press(page, /^Revoke/);
  await said(page, /revoked/);
  await w.daemon.call({ path: "/whoami", headers: { "X-Api-Key": key.api_key }, expect: 403 });

  await page.goto(`/ui/admin/users/${alice.name}`);
  await follow(page, "End all sessions");
  await press(page, /^End all sessions/);
  await said(page, /sessions/);
  await hers.goto("/ui/profile");
  assert.equal(new URL(hers.url()).pathname, "/ui/login");
});

both("nobody takes their own rights away, or ends their own account", async (t, options) => {
  const { page, root } = await begin(t, options);
  await page.goto(`/ui/admin/users/${root.name}`);
  await page.getByText("This is your own account").waitFor();
  for (const name of ["Disable", "Delete"]) assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
  await follow(page, "Edit");
  assert.equal(await page.getByLabel("Administrator").count(), 0);
});

both("groups are added, described and deleted", async (t, options) => {
  const { page } = await begin(t, options, "/ui/admin/groups");
  const name = fresh("Builders & co ");
  await follow(page, "Add group");
  await page.getByLabel("Name").fill(name.trim());
  await page.getByLabel("Description").fill("They build.\nAll day.");
  await press(page, "Add group");
  await said(page, /group is added/);
  await page.getByLabel("Part of the name").fill(name.trim());
  await press(page, "Search");
  await follow(page, `Edit ${name.trim()}`);
  await page.getByLabel("Description").fill("They built.");
  await press(page, "Save");
  await said(page, /Saved/);
  assert.equal((await w.call("GET", `/groups/${encodeURIComponent(name.trim())}`)).body.description, "They built.");
  await page.goto(`/ui/admin/groups?search=${encodeURIComponent(name.trim())}`);
  await follow(page, `Delete ${name.trim()}`);
  await press(page, "Delete group");
  await said(page, /group is deleted/);
  await w.call("GET", `/groups/${encodeURIComponent(name.trim())}`, undefined, w.root, 404);
});

both("an unlock that ends while a user is edited costs the password alone", async (t, options) => {
  const alice = await w.person({ display_name: "Before" });
  const { page, root } = await begin(t, options, `/ui/admin/users/${alice.name}/edit`);
  await page.getByLabel("Display name").fill("Typed before it locked");
  await act(page, "POST", "/session/lock");
  await press(page, "Save");
  const password = page.getByLabel(/your( current)? password/i);
  await password.waitFor();
  assert.equal(await page.getByLabel("Display name").inputValue(), "Typed before it locked");
  await password.fill(root.password);
  await press(page, "Save");
  await said(page, /Saved/);
  assert.equal((await w.call("GET", `/users/${alice.name}`)).body.display_name, "Typed before it locked");
});

both("two tabs: what is gone already is told", async (t, options) => {
  const alice = await w.person();
  const { page } = await begin(t, options, `/ui/admin/users/${alice.name}/disable`);
  await w.call("DELETE", `/users/${alice.name}`);
  const answer = page.waitForResponse((r) => r.request().method() === "POST");
  await press(page, /^Disable/);
  assert.ok([303, 404].includes((await answer).status()));
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.equal((await page.goto(`/ui/admin/users/${alice.name}`)).status(), 404);
});

both("the audit trail is read from its end, searched and verified", async (t, options) => {
  const alice = await w.person();
  await w.call("POST", "/me/apikey", undefined, alice);
  const { page } = await begin(t, options, "/ui/admin/audit");
  assert.ok((await page.locator("main .rows > li").count()) > 1);
  await page.goto(`/ui/admin/audit?user=${alice.name}`);
  const newest = page.locator("main .rows > li").first();
  assert.match(await newest.innerText(), /API key/i);
  assert.ok((await page.locator("main .rows > li").allInnerTexts()).every((text) => text.includes(alice.name)));
  await newest.locator("summary").click();
  await newest.getByText("127.0.0.1").first().waitFor();
  await press(page, "Verify the chain");
  await page.locator("main .notice").waitFor();
});

once("policies and health say what is in force and how the parts are", async (t) => {
  const { page } = await begin(t, {}, "/ui/admin/policies");
  assert.match(await page.locator("main").innerText(), /password\.min_length/);
  await page.goto("/ui/admin/health");
  assert.match(await page.locator("main").innerText(), /All is well/);
});

both("a reset link is made once, and shown once", async (t, options) => {
  const alice = await w.person();
  const { page } = await begin(t, options, `/ui/admin/users/${alice.name}/reset-link`);
  await page.locator("main").getByRole("button", { name: /link/i }).click();
  await page.getByText("it is shown only now").waitFor();
  const link = (await page.getByRole("textbox").first().innerText()).trim();
  const url = new URL(link);
  assert.equal(url.origin + url.pathname, `${w.origin}/ui/reset`);
  assert.equal(url.searchParams.get("user"), alice.name);
  const key = url.searchParams.get("key");
  assert.match(key, /^[A-Za-z0-9_-]{43}$/);
  await page.goto(`/ui/admin/users/${alice.name}`);
  assert.ok(!(await page.content()).includes(key));
});

// The last here: it ends keys that other tests made.
both("revoking all API keys asks for words to be typed", async (t, options) => {
  const alice = await w.person();
  const { body } = await w.call("POST", "/me/apikey", undefined, alice);
  const { page } = await begin(t, options, "/ui/admin/keys");
  await follow(page, "Revoke all API keys");
  const typed = page.getByLabel(/^Type/);
  const words = (await page.locator("label").filter({ hasText: /^Type/ }).innerText()).match(/“(.*)”/)[1];
  await typed.fill("something else");
  await press(page, "Revoke all API keys");
  await page.locator("[aria-invalid=true]").waitFor();
  await w.daemon.call({ path: "/whoami", headers: { "X-Api-Key": body.api_key } });
  await typed.fill(words);
  await press(page, "Revoke all API keys");
  await said(page, /All API keys are revoked/);
  await w.daemon.call({ path: "/whoami", headers: { "X-Api-Key": body.api_key }, expect: 403 });
});
