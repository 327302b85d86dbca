// Forgotten passwords, new addresses and expired passwords, with a mail server
// that keeps what it is sent.

import assert from "node:assert/strict";
import { after } from "node:test";

import { looksRight } from "../harness/looks.mjs";
import { mailbox } from "../harness/mail.mjs";
import { sshKey } from "../harness/sshkeys.mjs";
import { complaint, follow, press, said, signIn } from "../harness/steps.mjs";
import { act, both, handUnlock, once, world } from "../harness/world.mjs";

let mail;
const w = world(async () => {
  mail = await mailbox();
  return { smtp: { address: mail.address, from: "latchkey@example.com", tls: "none" }, http: { trusted_proxies: ["127.0.0.1/32"] } };
});
after(() => mail?.stop());

const NEW = "a password that nobody knows yet";

// stranger is a page at an address of its own: from one address, links are
// asked for ten times an hour.
let strangers = 0;
function stranger(t, options = {}) {
  return w.visit(t, { ...options, extraHTTPHeaders: { "X-Forwarded-For": `198.51.100.${++strangers}` } });
}

// owner is a page of somebody who has an API key that hangs on nothing.
async function owner(t, alice, options = {}) {
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  const { api_key: key } = await act(page, "POST", "/me/apikey");
  return { page, key };
}

function linkIn(letter) {
  const links = letter.text.match(/https?:\/\/\S+/g).filter((l) => l.includes("key="));
  assert.equal(links.length, 1);
  return links[0];
}

async function forget(page, name) {
  await page.goto("/ui/login");
  await follow(page, /forgot/i);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await press(page, "Send me a link");
  await said(page, /If there is such an account/);
}

async function choose(page, password, again = password) {
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("New password once more").fill(again);
  await press(page, "Set password");
}

both("a mailed link leads to a new password, and everything that an intruder may hold ends", async (t, options) => {
  const alice = await w.person();
  const { page: signedIn, key } = await owner(t, alice, options);
  await act(signedIn, "POST", "/me/sshkeys", { key: sshKey().line });
  const page = await stranger(t, options);
  await forget(page, alice.name);

  const letter = await mail.letterTo(alice.email);
  assert.deepEqual(letter.to, [alice.email]);
  assert.equal(letter.from, "latchkey@example.com");
  assert.ok(letter.subject.includes(alice.name));
  const link = linkIn(letter);
  assert.ok(link.startsWith(`${w.origin}/ui/reset?`), "the link is made from public_url");

  await page.goto(link);
  const text = await page.locator("main").innerText();
  assert.match(text, /your API key/);
  assert.match(text, /1 SSH key/);
  await page.goto(link); // looking uses nothing up
  await choose(page, NEW);
  await page.waitForURL(`${w.origin}/ui/login**`);
  assert.deepEqual(await page.context().cookies(), [], "a link signs nobody in");
  await signIn(page, { name: alice.name, password: NEW });
  await page.waitForURL(`${w.origin}/ui/profile**`);

  await signedIn.goto("/ui/profile");
  assert.equal(new URL(signedIn.url()).pathname, "/ui/login");
  await w.daemon.call({ path: "/whoami", headers: { "X-Api-Key": key }, expect: 403 });
  assert.equal((await page.goto(link)).status(), 404);
  await page.getByRole("heading", { name: "This link does not work" }).waitFor();
});

both("whoever only forgot it keeps what they have", async (t, options) => {
  const alice = await w.person();
  const { key } = await owner(t, alice, options);
  const page = await stranger(t, options);
  await forget(page, alice.name);
  await page.goto(linkIn(await mail.letterTo(alice.email)));
  await page.getByLabel("I only forgot it: keep these").check();
  await choose(page, NEW);
  await page.waitForURL(`${w.origin}/ui/login**`);
  await w.daemon.call({ path: "/whoami", headers: { "X-Api-Key": key } });
});

both("a password that will not do is said so, and the link still works", async (t, options) => {
  const alice = await w.person();
  await owner(t, alice, options);
  const page = await stranger(t, options);
  await forget(page, alice.name);
  await page.goto(linkIn(await mail.letterTo(alice.email)));
  await page.getByLabel("I only forgot it: keep these").check();
  await choose(page, "too short");
  await page.locator("[aria-invalid=true]").first().waitFor();
  assert.match(await complaint(page.getByLabel("New password", { exact: true })), /15/);
  assert.equal(await page.getByLabel("I only forgot it: keep these").isChecked(), true);
  assert.equal(await page.getByLabel("New password", { exact: true }).inputValue(), "");
  await choose(page, NEW, `${NEW}?`);
  await page.locator("[aria-invalid=true]").first().waitFor();
  await choose(page, NEW);
  await page.waitForURL(`${w.origin}/ui/login**`);
});

both("the same is said for every name, and nobody else gets a letter", async (t, options) => {
  const gone = await w.person();
  await w.call("POST", `/users/${gone.name}/disable`);
  const before = mail.letters.length;
  const page = await stranger(t, options);
  const tells = [];
  const last = await w.person();
  for (const name of [gone.name, "nobody-of-that-name", last.name]) {
    await forget(page, name);
    tells.push(await page.locator("main").innerText());
  }
  assert.equal(new Set(tells).size, 1);
  await mail.letterTo(last.email); // sent after the others would have been
  assert.deepEqual(mail.letters.slice(before).map((l) => l.to), [[last.email]]);
});

both("a link that is broken, old or used explains itself", async (t, options) => {
  const alice = await w.person();
  const page = await stranger(t, options);
  await forget(page, alice.name);
  const first = linkIn(await mail.letterTo(alice.email, 1));
  await forget(page, alice.name);
  const second = linkIn(await mail.letterTo(alice.email, 2));
  for (const link of [first, `${w.origin}/ui/reset?user=${alice.name}&key=${"A".repeat(43)}`, `${w.origin}/ui/reset`, second.replace(/user=[^&]+/, "user=admin")]) {
    assert.equal((await page.goto(link)).status(), 404);
    await page.getByRole("heading", { name: "This link does not work" }).waitFor();
  }
  assert.equal((await page.goto(second)).status(), 200);
});

once("two tabs with one link: one sets the password, the other is told", async (t) => {
  const alice = await w.person();
  const page = await stranger(t);
  await forget(page, alice.name);
  const link = linkIn(await mail.letterTo(alice.email));
  const other = await page.context().newPage();
  for (const tab of [page, other]) await tab.goto(link);
  await choose(page, NEW);
  await page.waitForURL(`${w.origin}/ui/login**`);
  await choose(other, "another password of somebody");
  await other.getByRole("heading", { name: "This link does not work" }).waitFor();
  await w.daemon.call({ path: "/whoami", as: { name: alice.name, password: NEW } });
});

once("an address of another host in the request changes no link", async () => {
  const alice = await w.person();
  const answer = await fetch(`${w.origin}/-/api/v1/forgot`, {
    method: "POST", body: JSON.stringify({ username: alice.name }),
    headers: { "Content-Type": "application/json", "X-Forwarded-For": "198.51.100.250", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "javascript", Forwarded: "host=evil.example;proto=http" },
  });
  assert.equal(answer.status, 202);
  const letter = await mail.letterTo(alice.email);
  assert.ok(linkIn(letter).startsWith(`${w.origin}/ui/reset?`));
  assert.ok(!letter.text.includes("evil"));
});

both("a new e-mail address counts once its owner has opened the link, and the old one is told", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await handUnlock(page, alice);
  await page.goto("/ui/profile/account");
  const address = `new.${alice.email}`;
  const form = page.locator("main section").filter({ has: page.getByRole("heading", { name: "E-mail", exact: true }) });
  await form.getByLabel("E-mail address").fill(address);
  await press(form, "Save");
  await said(page, /mail with a link is on its way/);
  assert.equal((await w.call("GET", `/users/${alice.name}`)).body.email, alice.email);
  assert.match(await page.locator("main").innerText(), new RegExp(`becomes ${address}`));

  const link = linkIn(await mail.letterTo(address));
  assert.ok(link.startsWith(`${w.origin}/ui/email?`));
  await page.goto(link);
  assert.equal((await w.call("GET", `/users/${alice.name}`)).body.email, alice.email, "looking confirms nothing");
  await page.locator("main form").getByRole("button").click();
  await said(page, /confirmed/);
  assert.equal((await w.call("GET", `/users/${alice.name}`)).body.email, address);
  const told = await mail.letterTo(alice.email);
  assert.match(told.text, new RegExp(alice.name));
  assert.ok(!told.text.includes("key="));
});

once("somebody else's link confirms nothing", async (t) => {
  const [alice, eve] = [await w.person(), await w.person()];
  const hers = await w.signedIn(t, alice);
  await handUnlock(hers, alice);
  await act(hers, "PUT", "/users/me/email", { email: `taken.${alice.email}` });
  const link = linkIn(await mail.letterTo(`taken.${alice.email}`));
  const page = await w.signedIn(t, eve);
  const answer = await page.goto(link);
  assert.equal(answer.status(), 404);
  assert.ok(!(await page.content()).includes(alice.email));
  assert.equal((await w.call("GET", `/users/${eve.name}`)).body.email, eve.email);
});

both("an expired password is good for choosing another one only", async (t, options) => {
  const alice = await w.person();
  await fetch(`${w.origin}/artifactory/api/security/users/authorization/expirePassword/${alice.name}`, { method: "POST", headers: { Authorization: `Bearer ${w.root.token}` } });
  const page = await stranger(t, options);
  await signIn(page, alice);
  await page.getByText("it has expired").waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  await page.getByLabel("Password that has expired").fill(alice.password);
  await page.getByLabel("New password", { exact: true }).fill(NEW);
  await page.getByLabel("New password once more").fill(NEW);
  await page.locator("main form").getByRole("button").click();
  await page.waitForURL((url) => url.pathname !== "/ui/renew" || url.search !== "");
  await w.daemon.call({ path: "/whoami", as: { name: alice.name, password: NEW } });
});

once("the pages look right", async (t) => {
  const alice = await w.person();
  await w.call("POST", "/me/apikey", undefined, alice);
  const page = await stranger(t);
  await page.goto("/ui/forgot");
  await looksRight(page, "forgot");
  await forget(page, alice.name);
  await looksRight(page, "forgot-sent");
  const link = linkIn(await mail.letterTo(alice.email));
  await page.goto(link);
  await looksRight(page, "reset");
  await page.goto("/ui/reset");
  await looksRight(page, "reset-gone");
});
