// SSH keys: added, described, refused with a sentence that helps, deleted.

import assert from "node:assert/strict";

import { axe } from "../harness/looks.mjs";
import { sshKey } from "../harness/sshkeys.mjs";
import { complaint, lockedPanel, press, said, unlock } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

async function begin(t, options, more = {}) {
  const alice = await w.person(more);
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  await page.goto("/ui/profile/ssh");
  return { alice, page };
}

function row(page, title) {
  return page.locator("main .rows > li").filter({ hasText: title });
}

both("a key is pasted, and stands there with its fingerprint", async (t, options) => {
  const { page } = await begin(t, options);
  const key = sshKey();
  await page.getByText("You have no SSH keys.").waitFor();
  await page.getByLabel("Public key").fill(`  ${key.line}\n`);
  await page.getByLabel("Title").fill("Laptop");
  await press(page, "Add SSH key");
  await said(page, /SSH key is added/);
  const text = await row(page, "Laptop").innerText();
  assert.ok(text.includes(key.fingerprint));
  assert.match(text, /ssh-ed25519/);
  assert.match(text, /Added just now, never used\. Does not end by itself\./);
});

both("without a title its comment is the title; with a last day it ends", async (t, options) => {
  const { page } = await begin(t, options);
  const day = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
  await page.getByLabel("Public key").fill(sshKey({ comment: "alice@tower" }).line);
  await page.getByLabel("Last day").fill(day);
  await press(page, "Add SSH key");
  await said(page, /SSH key is added/);
  assert.match(await row(page, "alice@tower").innerText(), /expires in \d days[^]*Ends in \d days/);
  const { items } = await act(page, "GET", "/users/me/sshkeys");
  assert.ok(items[0].expires.startsWith(day) || new Date(items[0].expires) > new Date(day));
});

const SECRET_LINE = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW";

for (const [what, line, sentence, back] of [
  ["that is nothing", "this is no key", /not a public key/i, false],
  ["that lost its middle", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== alice", /not a public key|damaged|whole/i, true],
  ["that is too weak", sshKey({ kind: "rsa", bits: 1024 }).line, /2048/, true],
  ["of a type that is broken", "ssh-dss AAAAB3NzaC1kc3MAAACBAK0= old", /not a public key|dss|broken/i, true],
  ["that is private", `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET_LINE}\n-----END OPENSSH PRIVATE KEY-----`, /private/i, false],
  ["of another program's private half", sshKey().secret, /private/i, false],
  ["of two lines", `${sshKey().line}\n${sshKey().line}`, /one/i, true],
]) {
  both(`a key ${what} gets a sentence of its own`, async (t, options) => {
    const { page } = await begin(t, options);
    const field = page.getByLabel("Public key");
    await field.fill(line);
    await page.getByLabel("Title").fill("kept as typed");
    await press(page, "Add SSH key");
    await page.locator("[aria-invalid=true]").first().waitFor();
    assert.match(await complaint(field), sentence);
    assert.equal(await page.getByLabel("Title").inputValue(), "kept as typed");
    assert.equal(await field.inputValue(), back ? line : "", "what is public is kept, what may be secret is not");
    if (!back) assert.ok(!(await page.content()).includes(line.split("\n").at(-2) ?? line));
    assert.equal((await act(page, "GET", "/users/me/sshkeys")).items.length, 0);
    if (options.js && what === "that is private") await axe(page);
  });
}

both("a key that is there already, or that somebody else has, is told without telling who", async (t, options) => {
  const { page, alice } = await begin(t, options);
  const eve = await w.person();
  const [mine, hers] = [sshKey(), sshKey()];
  await w.call("POST", "/me/sshkeys", { key: mine.line, title: "first" }, alice);
  await w.call("POST", "/me/sshkeys", { key: hers.line }, eve);
  const field = page.getByLabel("Public key");
  const tells = [];
  for (const key of [mine, hers]) {
    await field.fill(key.line);
    await press(page, "Add SSH key");
    await page.locator("[aria-invalid=true]").first().waitFor();
    const told = await complaint(field);
    assert.ok(!told.includes(eve.name));
    tells.push(told);
  }
  assert.match(tells[0], /already|registered|added/i);
  assert.match(tells[1], /other|another|somebody|already/i);
});

both("a key is deleted after the question that names it", async (t, options) => {
  const { page, alice } = await begin(t, options);
  const key = sshKey();
  await w.call("POST", "/me/sshkeys", { key: key.line, title: "Old laptop" }, alice);
  await page.reload();
  await row(page, "Old laptop").getByRole("link", { name: /^Delete/ }).click();
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /Old laptop/);
  assert.ok((await page.locator("main").innerText()).includes(key.fingerprint));
  await press(page, "Delete SSH key");
  await said(page, /deleted/);
  await page.getByText("You have no SSH keys.").waitFor();
});

both("while locked nothing is offered, and the unlock comes back here", async (t, options) => {
  const alice = await w.person();
  await w.call("POST", "/me/sshkeys", { key: sshKey().line, title: "seen" }, alice);
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/profile/ssh");
  await lockedPanel(page).waitFor();
  await row(page, "seen").waitFor();
  assert.equal(await page.getByRole("link", { name: /^Delete/ }).count() + (await page.getByLabel("Public key").count()), 0);
  await unlock(page, alice);
  assert.equal(new URL(page.url()).pathname, "/ui/profile/ssh");
  await page.getByLabel("Public key").waitFor();
});

both("an unlock that ends meanwhile costs the password alone", async (t, options) => {
  const { page, alice } = await begin(t, options);
  const key = sshKey();
  await page.getByLabel("Public key").fill(key.line);
  await page.getByLabel("Title").fill("typed before");
  await act(page, "POST", "/session/lock");
  await press(page, "Add SSH key");
  const password = page.getByLabel(/password/i);
  await password.waitFor();
  assert.equal(await page.getByLabel("Public key").inputValue(), key.line);
  assert.equal(await page.getByLabel("Title").inputValue(), "typed before");
  await password.fill(alice.password);
  await press(page, "Add SSH key");
  await said(page, /SSH key is added/);
});

both("a form that is sent again says that the key is there, and adds none", async (t, options) => {
  const { page } = await begin(t, options);
  const other = await page.context().newPage();
  await other.goto("/ui/profile/ssh");
  const key = sshKey();
  for (const tab of [page, other]) {
    await tab.getByLabel("Public key").fill(key.line);
    await press(tab, "Add SSH key");
  }
  await other.locator("[aria-invalid=true]").first().waitFor();
  assert.equal((await act(page, "GET", "/users/me/sshkeys")).items.length, 1);
});

once("a file that is dropped is read", async (t) => {
  const { page } = await begin(t, {});
  const key = sshKey({ comment: "dropped@here" });
  const transfer = await page.evaluateHandle((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], "id_ed25519.pub", { type: "text/plain" }));
    return data;
  }, key.line);
  await page.getByLabel("Public key").dispatchEvent("drop", { dataTransfer: transfer });
  await page.waitForFunction((line) => document.querySelector("textarea").value.includes(line), key.line);
  await press(page, "Add SSH key");
  await row(page, "dropped@here").waitFor();
});

both("where the profile is kept by the administrators, no form is offered", async (t, options) => {
  const { page } = await begin(t, options, { may_update_profile: false });
  await page.getByText(/kept by the administrators/).waitFor();
  assert.equal(await page.getByLabel("Public key").count(), 0);
});

once("keys of others are nothing here", async (t) => {
  const eve = await w.person();
  const { body } = await w.call("POST", "/me/sshkeys", { key: sshKey().line, title: "of eve" }, eve);
  const { page } = await begin(t, {});
  await page.goto(`/ui/profile/ssh/${encodeURIComponent(body.id)}/delete`);
  assert.equal(new URL(page.url()).pathname, "/ui/profile/ssh");
  assert.ok(!(await page.content()).includes("of eve"));
});
