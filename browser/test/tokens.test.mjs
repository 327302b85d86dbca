// Identity tokens: made, shown once, used, replaced, revoked, remembered.

import assert from "node:assert/strict";

import { axe } from "../harness/looks.mjs";
import { complaint, follow, lockedPanel, press, said, section, unlock } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

const REFERENCE = /^cmVmd[A-Za-z0-9_-]{59}$/;

// whoami asks the API with a token, as a client of that name.
async function whoami(token, client = "curl/8.10.1") {
  const answer = await fetch(`${w.origin}/-/api/v1/whoami`, { headers: { Authorization: `Bearer ${token}`, "User-Agent": client } });
  return answer.status;
}

// begin is an unlocked page of somebody new.
async function begin(t, options, more = {}) {
  const alice = await w.person(more);
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  return { alice, page };
}

// make goes through the form and is the token that is shown.
async function make(page, description, fill = async () => {}) {
  await page.goto("/ui/profile");
  await follow(page, /^Generate (an )?identity token/i);
  await page.getByLabel("Description").fill(description);
  await fill();
  await press(page, "Generate token");
  return shown(page);
}

async function shown(page) {
  await page.getByText("it is shown only now").waitFor();
  return (await page.getByRole("textbox", { name: "Token", exact: true }).innerText()).trim();
}

function row(page, name) {
  return page.getByRole("row").or(page.getByRole("listitem")).filter({ hasText: name });
}

both("a token is made with a description, shown once, and works", async (t, options) => {
  const { alice, page } = await begin(t, options);
  const token = await make(page, "Laptop, in ~/.netrc");
  assert.match(token, REFERENCE);
  assert.ok(!page.url().includes(token) && !(await page.title()).includes(token));
  assert.equal(await whoami(token), 200);
  const { items } = await act(page, "GET", "/users/me/tokens");
  assert.equal(items[0].description, "Laptop, in ~/.netrc");
  const year = (new Date(items[0].expires) - new Date(items[0].created)) / 86_400_000;
  assert.equal(Math.round(year), 365);

  await page.goto("/ui/profile");
  const entry = row(page, "Laptop, in ~/.netrc").first();
  const text = await entry.innerText();
  assert.match(text, /Everything you may do/);
  assert.match(text, /curl/);
  assert.match(text, /127\.0\.0\.1/);
  assert.ok(!(await page.content()).includes(token), "it is shown only once");
  assert.ok(alice);
});

both("the commands for every client are there, and hold no secret", async (t, options) => {
  const { page, alice } = await begin(t, options);
  const token = await make(page, "commands");
  const use = section(page, "Use it");
  const seen = [];
  for (const client of ["curl", "git", "git-lfs", "docker", "npm", "pip", "mvn"]) {
    if (options.js) {
      await use.getByRole("tab", { name: client, exact: true }).click();
      assert.equal(await use.getByRole("tabpanel").count(), 1, "one panel at a time");
    }
    seen.push(await use.getByLabel(`Commands for ${client}`, { exact: true }).innerText());
  }
  assert.ok(seen.every((text) => text.length > 20 && !text.includes(token)));
  assert.match(seen[0], new RegExp(`${w.origin}/-/api/v1/whoami`));
  assert.match(seen[3], new RegExp(`docker login "${new URL(w.origin).host}" -u "${alice.name}" --password-stdin`));
  if (options.js) await axe(page);
});

once("the tabs of commands go by arrow keys", async (t) => {
  const { page } = await begin(t, {});
  await make(page, "arrows");
  const tab = (name) => page.getByRole("tab", { name, exact: true });
  await tab("curl").focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await tab("git").getAttribute("aria-selected"), "true");
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowRight");
  assert.equal(await tab("curl").getAttribute("aria-selected"), "true");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "curl");
});

once("Copy copies the token, and says so", async (t) => {
  const { page } = await begin(t, { permissions: ["clipboard-read", "clipboard-write"] });
  const token = await make(page, "copied");
  await press(page.locator("[data-secret]").first(), "Copy");
  await said(page, /^Copied/);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
});

both("its life, and what it may do, are as chosen", async (t, options) => {
  const group = `team-${Date.now().toString(36)}${options.js ? "a" : "b"}`;
  await w.call("POST", "/groups", { name: group });
  const { page } = await begin(t, options, { groups: [group] });

  await make(page, "a week for the group", async () => {
    await page.getByLabel("Ends").selectOption("7");
    await page.getByLabel("Only what some of your groups may do").check();
    await page.getByLabel(group, { exact: true }).check();
  });
  await make(page, "one repository", async () => {
    await page.getByLabel("Only read one repository").check();
    await page.getByLabel("Repository", { exact: true }).fill("team/assets");
    await page.getByLabel("It may write there too").check();
  });
  await make(page, "by scope", async () => {
    await page.getByLabel("Another scope").check();
    await page.getByLabel("Scope", { exact: true }).fill("artifact:team/*:r");
  });
  const { items } = await act(page, "GET", "/users/me/tokens");
  const by = Object.fromEntries(items.map((i) => [i.description, i]));
  assert.equal(by["a week for the group"].scope, `applied-permissions/groups:${group}`);
  assert.equal(Math.round((new Date(by["a week for the group"].expires) - Date.now()) / 86_400_000), 7);
  assert.match(by["one repository"].scope, /^artifact:(lfs\/)?team\/assets:.*w/);
  assert.equal(by["by scope"].scope, "artifact:team/*:r");
});

both("a mistake in the form stands beside its field, and nothing typed is lost", async (t, options) => {
  const { page } = await begin(t, options);
  await page.goto("/ui/profile/tokens/new");
  const scope = page.getByLabel("Scope", { exact: true });
  await page.getByLabel("Description").fill("kept <b>as typed</b>");
  await page.getByLabel("Ends").selectOption("30");
  await page.getByLabel("Another scope").check();
  await scope.fill("artifact:nonsense");
  await press(page, "Generate token");
  await page.locator("[aria-invalid=true]").first().waitFor();
  assert.notEqual(await complaint(scope), "");
  assert.equal(await page.getByLabel("Description").inputValue(), "kept <b>as typed</b>");
  assert.equal(await page.getByLabel("Ends").inputValue(), "30");
  assert.equal(await scope.inputValue(), "artifact:nonsense");
  assert.equal(await page.getByLabel("Another scope").isChecked(), true);
  if (options.js) await axe(page);
  await scope.fill("artifact:team/assets:r");
  await press(page, "Generate token");
  assert.match(await shown(page), REFERENCE);
  assert.equal((await act(page, "GET", "/users/me/tokens")).items.length, 1);
});

both("an unlock that ends while the form is filled in costs the password, and nothing else", async (t, options) => {
  const { alice, page } = await begin(t, options);
  await page.goto("/ui/profile/tokens/new");
  await page.getByLabel("Description").fill("typed before it locked");
  await act(page, "POST", "/session/lock");
  await press(page, "Generate token");
  const password = page.getByLabel(/password/i);
  await password.waitFor();
  assert.equal(await page.getByLabel("Description").inputValue(), "typed before it locked");
  await password.fill("not the right one at all");
  await press(page, "Generate token");
  await password.waitFor();
  assert.equal(await password.inputValue(), "", "a secret is not shown again");
  assert.equal(await page.getByLabel("Description").inputValue(), "typed before it locked");
  await password.fill(alice.password);
  await press(page, "Generate token");
  assert.match(await shown(page), REFERENCE);
});

both("a form that is sent again makes no second token, and says so", async (t, options) => {
  const { page } = await begin(t, options);
  await page.goto("/ui/profile/tokens/new");
  const id = await page.locator("main input[type=hidden][name=form]").getAttribute("value");
  await page.getByLabel("Description").fill("only one");
  await press(page, "Generate token");
  await shown(page);
  await page.reload(); // sends the form again
  await page.getByRole("heading", { name: "This form was sent before" }).waitFor();
  assert.equal((await act(page, "GET", "/users/me/tokens")).items.length, 1);
  assert.match(id, /^[A-Za-z0-9_-]{16,64}$/);
});

both("while locked there is no form", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile/tokens/new");
  await lockedPanel(page).waitFor();
  assert.equal(await page.getByLabel("Description").count(), 0);
  await unlock(page, alice);
  await page.getByLabel("Description").waitFor();
  assert.equal(new URL(page.url()).pathname, "/ui/profile/tokens/new");
});

both("a token is revoked after the question that names it, and stays visible", async (t, options) => {
  const { page } = await begin(t, options);
  const token = await make(page, "Old laptop");
  await page.goto("/ui/profile");
  await row(page, "Old laptop").first().getByRole("link", { name: /^Revoke/ }).click();
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /Old laptop/);
  await press(page, /^Revoke/);
  await said(page, /revoked/);
  assert.equal(await whoami(token), 401);
  const ended = page.locator("main details");
  if (await ended.count()) await ended.first().locator("summary").click();
  assert.match(await row(page, "Old laptop").first().innerText(), /revoked/);
  assert.equal(await row(page, "Old laptop").first().getByRole("link", { name: /^(Revoke|Rotate)/ }).count(), 0);
});

both("a token is rotated with an overlap, in which both work and the page shows who uses the old one", async (t, options) => {
  const { page } = await begin(t, options);
  const old = await make(page, "Build server");
  await page.goto("/ui/profile");
  await row(page, "Build server").first().getByRole("link", { name: /^Rotate/ }).click();
  await page.getByRole("radio", { name: /day|hour/ }).or(page.getByRole("combobox")).first().waitFor();
  await chooseOverlap(page);
  await press(page, /^Rotate/);
  const fresh = await shown(page);
  assert.notEqual(fresh, old);
  assert.equal(await whoami(old, "git-lfs/3.5.1 (GitHub; linux amd64; go 1.22)"), 200);
  assert.equal(await whoami(fresh), 200);
  await page.goto("/ui/profile");
  const text = await page.locator("main").innerText();
  assert.match(text, /still used by 1 client/);
  assert.match(text, /git-lfs/);
});

async function chooseOverlap(page) {
  const list = page.getByRole("combobox");
  if (await list.count()) {
    const values = await list.first().locator("option").evaluateAll((all) => all.map((o) => [o.value, o.textContent]));
    await list.first().selectOption(values.find(([, text]) => /day/.test(text))[0]);
    return;
  }
  await page.getByRole("radio", { name: /day/ }).first().check();
}

both("two tabs that revoke the same token are both told the truth", async (t, options) => {
  const { page } = await begin(t, options);
  await make(page, "Twice");
  const { items } = await act(page, "GET", "/users/me/tokens");
  const other = await page.context().newPage();
  for (const tab of [page, other]) await tab.goto(`/ui/profile/tokens/${items[0].id}/revoke`);
  await press(page, /^Revoke/);
  await said(page, /revoked/);
  await press(other, /^Revoke/);
  await said(other, /had ended already/);
});

both("tokens of others are nothing here", async (t, options) => {
  const eve = await w.person();
  const { body } = await w.call("POST", "/me/tokens", { description: "of eve" }, eve);
  const { page } = await begin(t, options);
  for (const what of ["revoke", "rotate"]) {
    await page.goto(`/ui/profile/tokens/${body.id}/${what}`);
    assert.equal(new URL(page.url()).pathname, "/ui/profile");
    assert.ok(!(await page.content()).includes("of eve"));
  }
  await page.request.post(`${w.origin}/ui/profile/tokens/${body.id}/revoke`, { headers: { Origin: w.origin }, form: {} });
  assert.equal(await whoami(body.access_token), 200);
});
