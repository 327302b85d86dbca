// Signing in through accounts elsewhere, at two real OpenID providers at once.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import { until } from "../harness/daemon.mjs";
import { issue } from "../harness/issuer.mjs";
import { isLight, looksRight } from "../harness/looks.mjs";
import { atIssuer, follow, lockedPanel, press, said, unlockedBar } from "../harness/steps.mjs";
import { act, both, handSession, handUnlock, once, world } from "../harness/world.mjs";

let corp, club, folder;

const w = world(async () => {
  folder = await mkdtemp(join(tmpdir(), "latchkey-providers-"));
  // One says everything in the ID token, the other at its userinfo endpoint.
  [corp, club] = await Promise.all([issue("corp"), issue("club", { claimsInIdToken: false })]);
  const providers = await Promise.all([[corp, {}], [club, { auto_create_users: true, default_groups: ["guests"], groups: [{ claim: "eng-*" }] }]].map(async ([issuer, more]) => {
    const file = join(folder, issuer.name);
    await writeFile(file, issuer.client.client_secret, { mode: 0o600 });
    return issuer.settings(file, more);
  }));
  return { providers };
}, async (made) => {
  for (const issuer of [corp, club]) issuer.serves(made.origin);
  for (const name of ["guests", "eng-web"]) await made.call("POST", "/groups", { name });
});
after(async () => {
  await Promise.all([corp?.stop(), club?.stop()]);
  if (folder) await rm(folder, { recursive: true, force: true });
});

let count = 0;

// somebody is a person with an account at both providers; only what is linked
// to a user here lets them in.
function somebody(more = {}) {
  const sub = `sub-${++count}`;
  const person = { sub, name: `Person ${count}`, preferred_username: `person${count}`, email: `person${count}@example.com`, groups: ["eng-web", "eng-gone"], ...more };
  return corp.knows(person) && club.knows(person);
}

function visit(t, options) {
  return w.visit(t, { ...options, elsewhere: [corp.origin, club.origin] });
}

/** through signs in through a provider from the sign-in page. */
async function through(page, issuer, account) {
  await page.goto("/ui/login");
  await follow(page, `Sign in with Example ${issuer.name}`);
  await atIssuer(page, issuer, account);
}

/** link links the account at a provider, on the page of linked accounts. */
async function link(page, issuer, account) {
  await press(page, `Link your account at Example ${issuer.name}`);
  await atIssuer(page, issuer, account);
}

// linked makes a user with a password and an account at the providers.
async function linked(t, options, issuers = [corp], more = {}) {
  const [person, account] = [await w.person(), somebody(more)];
  const page = await visit(t, options);
  await handSession(page, person);
  await handUnlock(page, person);
  for (const issuer of issuers) {
    await page.goto("/ui/profile/accounts");
    await link(page, issuer, account);
    await said(page, /The account is linked/);
    await page.getByRole("heading", { name: `Example ${issuer.name} linked` }).waitFor();
  }
  return { page, person, account };
}

async function signOut(page) {
  await page.goto("/ui/profile/accounts");
  await press(page, "Sign out");
  await page.waitForURL((url) => url.pathname !== "/ui/profile/accounts");
}

// leave ends the session by the API: quicker than the button.
async function leave(page) {
  await act(page, "DELETE", "/session");
}

async function whoIs(page) {
  const answer = await page.request.get(`${w.origin}/-/api/v1/whoami`);
  return answer.ok() ? (await answer.json()).user : "";
}

both("both accounts are linked, and each of them signs in", async (t, options) => {
  const { page, person, account } = await linked(t, options, [corp, club]);
  for (const issuer of [corp, club]) {
    await signOut(page);
    assert.equal(await whoIs(page), "");
    issuer.forget(account);
    await through(page, issuer, account);
    await page.waitForURL(`${w.origin}/ui/profile**`);
    assert.equal(await whoIs(page), person.name);
    assert.equal(new URL(page.url()).search, "", "nothing of the answer lies in the address");
  }
});

both("who signed in through a provider unlocks by signing in there again", async (t, options) => {
  const { page, account } = await linked(t, options);
  await leave(page);
  await page.goto("/ui/login?next=/ui/profile/account");
  await follow(page, "Sign in with Example corp"); // where the session still is
  await page.waitForURL(`${w.origin}/ui/profile/account**`);
  assert.equal(await lockedPanel(page).getByLabel("Your current password").count(), 0);
  await press(lockedPanel(page), "Sign in at Example corp again to unlock");
  await atIssuer(page, corp, account); // asks, although the session there goes on
  await page.waitForURL(`${w.origin}/ui/profile/account**`);
  await unlockedBar(page).waitFor();
});

once("another account at the provider does not unlock", async (t) => {
  const { page } = await linked(t, {});
  await leave(page);
  await page.goto("/ui/login");
  await follow(page, "Sign in with Example corp");
  await page.waitForURL(`${w.origin}/ui/profile**`);
  await press(lockedPanel(page), "Sign in at Example corp again to unlock");
  await atIssuer(page, corp, somebody());
  await page.getByRole("heading", { name: "Your profile is still locked" }).waitFor();
  assert.equal(await unlockedBar(page).count(), 0);
  // Who was signed in there is so no more, which the provider tells.
  await until(async () => (await whoIs(page)) === "", "the session to end", 1000);
});

once("an account is unlinked, and then opens nothing", async (t) => {
  const { page, person, account } = await linked(t, {});
  await page.goto("/ui/profile/accounts");
  await follow(page, "Unlink your account at Example corp");
  await press(page, "Unlink");
  await said(page, /does not sign you in any more/);
  assert.equal(await whoIs(page), person.name);
  await leave(page);
  corp.forget(account);
  await through(page, corp, account);
  await page.getByRole("heading", { name: "Your account at Example corp is not linked" }).waitFor();
  assert.equal(await whoIs(page), "");
});

once("an account that nobody has linked opens nothing, and the page says how to link it", async (t) => {
  const page = await visit(t);
  await through(page, corp, somebody());
  await page.getByRole("heading", { name: "Your account at Example corp is not linked" }).waitFor();
  assert.match(await page.locator("main").innerText(), /To link it, sign in here with your password.*Request/s);
  assert.equal(await whoIs(page), "");
  assert.deepEqual((await page.context().cookies()).filter((c) => c.name.startsWith("latchkey")), []);
  await follow(page, "Sign in with your password");
  assert.equal(new URL(page.url()).searchParams.get("next"), "/ui/profile/accounts");
});

once("an address that somebody here has does not sign in as them", async (t) => {
  const alice = await w.person();
  const page = await visit(t);
  await through(page, corp, somebody({ email: alice.email, preferred_username: alice.name }));
  await page.getByRole("heading", { name: "Your account at Example corp is not linked" }).waitFor();
});

once("an account that is linked to somebody else is not linked again", async (t) => {
  const { account } = await linked(t, {});
  const eve = await w.person();
  const page = await visit(t);
  await handSession(page, eve);
  await handUnlock(page, eve);
  await page.goto("/ui/profile/accounts");
  corp.forget(account);
  await link(page, corp, account);
  await page.getByRole("heading", { name: "Your account was not linked" }).waitFor();
  assert.match(await page.locator("main").innerText(), /linked to another user here/);
  assert.equal((await act(page, "GET", "/users/me/bindings")).items.length, 0);
});

both("a new user is made where the provider may, and the last way in stays", async (t, options) => {
  const account = somebody();
  const page = await visit(t, options);
  await through(page, club, account);
  await page.waitForURL(`${w.origin}/ui/profile**`);
  const name = `person${count}`;
  assert.equal(await whoIs(page), name);
  const { body } = await w.call("GET", `/users/${name}`);
  assert.equal(body.realm, "club");
  assert.deepEqual([...body.groups].sort(), ["eng-web", "guests"]);

  await press(lockedPanel(page), "Sign in at Example club again to unlock");
  await atIssuer(page, club, account);
  await unlockedBar(page).waitFor();
  await page.goto("/ui/profile/accounts");
  await follow(page, "Unlink your account at Example club");
  await press(page, "Unlink");
  await page.getByRole("alert").filter({ hasText: /only way in which you can sign in/ }).waitFor();
  assert.equal(await whoIs(page), name);
});

once("who cancels at the provider is told so, and may try again", async (t) => {
  const account = somebody();
  const page = await visit(t);
  await page.goto("/ui/login?next=/ui/profile/ssh");
  await follow(page, "Sign in with Example club");
  await page.waitForURL((url) => url.origin === club.origin);
  await press(page, "Cancel");
  await page.waitForURL((url) => url.origin === w.origin);
  const text = await page.locator("main").innerText();
  assert.match(text, /Request/);
  assert.ok(!text.includes("<b>"), text);
  assert.equal(await whoIs(page), "");
  await follow(page, "Try again");
  await atIssuer(page, club, account);
  await page.waitForURL(`${w.origin}/ui/profile/ssh**`);
});

once("signing out offers to sign out at the provider too, which ends it there", async (t) => {
  const { page, account } = await linked(t, {});
  await leave(page);
  await page.goto("/ui/login");
  await follow(page, "Sign in with Example corp");
  await page.waitForURL(`${w.origin}/ui/profile**`);
  await signOut(page);
  await page.getByRole("heading", { name: "You are signed out here" }).waitFor();
  assert.equal(await whoIs(page), "");
  await follow(page, "Sign out at Example corp too");
  await press(page, "Yes, sign out");
  await page.waitForURL(`${w.origin}/ui/login**`);
  await follow(page, "Sign in with Example corp");
  await atIssuer(page, corp, account); // it asks again
  await page.waitForURL(`${w.origin}/ui/profile**`);
});

once("who signs out at the provider is signed out here within a second", async (t) => {
  const { page, person, account } = await linked(t, {});
  const stays = await w.signedIn(t, person);
  await leave(page);
  await page.goto("/ui/login");
  await follow(page, "Sign in with Example corp");
  await page.waitForURL(`${w.origin}/ui/profile**`);

  const elsewhere = await visit(t); // the same person in another browser
  await through(elsewhere, corp, account);
  await elsewhere.waitForURL(`${w.origin}/ui/profile**`);

  await page.goto(`${corp.origin}/session/end`);
  await press(page, "Yes, sign out");
  await page.getByRole("heading", { name: "Signed out of corp" }).waitFor();
  await until(async () => (await whoIs(page)) === "", "the session to end", 1000);
  assert.equal(await whoIs(elsewhere), person.name, "another session there goes on");
  assert.equal(await whoIs(stays), person.name, "one with the password goes on");
  await page.goto("/ui/profile");
  await page.waitForURL(`${w.origin}/ui/login**`);
});

// comesBack goes through a provider as the page's browser would, and instead
// of coming back tells where to.
async function comesBack(page, issuer, account) {
  let answer = await page.request.get(`${w.origin}/-/oauth/${issuer.name}/start`);
  for (const form of [{ account }, {}]) {
    answer = await page.request.post(answer.url(), { form, maxRedirects: 0 });
    while (answer.status() === 302 || answer.status() === 303) {
      const to = new URL(answer.headers().location, answer.url()).href;
      if (to.startsWith(`${w.origin}/`)) return to;
      answer = await page.request.get(to, { maxRedirects: 0 });
    }
  }
  throw new Error(`the provider answered ${answer.status()}: ${await answer.text()}`);
}

async function refused(page, url) {
  const answer = await page.goto(url);
  assert.equal(answer.status(), 400, url);
  await page.getByRole("heading", { name: "This sign-in could not be finished" }).waitFor();
  assert.match(await page.locator("main").innerText(), /Request/);
  assert.equal(await whoIs(page), "");
  assert.deepEqual((await page.context().cookies(w.origin)).filter((c) => c.name === "latchkey"), []);
}

once("the answer of one provider is nothing at another's callback", async (t) => {
  const account = somebody();
  for (const [from, to] of [[corp, club], [club, corp]]) {
    const page = await visit(t);
    const url = await comesBack(page, from, account);
    await refused(page, url.replace(`/-/oauth/${from.name}/`, `/-/oauth/${to.name}/`));
  }
});

once("an answer is good once, in the browser that began, and for ten minutes", async (t) => {
  const account = somebody();
  const page = await visit(t);
  const url = await comesBack(page, club, account);

  const other = await visit(t);
  await refused(other, url);
  const kept = (await page.context().cookies(w.origin)).filter((c) => /attempt/.test(c.name));
  assert.equal(kept.length, 1);
  assert.ok(kept[0].expires - Date.now() / 1000 <= 600 && kept[0].httpOnly && kept[0].sameSite === "Lax");

  await page.goto(url);
  await page.waitForURL(`${w.origin}/ui/profile**`);
  assert.notEqual(await whoIs(page), "");
  assert.equal((await page.context().cookies(w.origin)).filter((c) => /attempt/.test(c.name)).length, 0);
  await page.context().clearCookies({ name: "latchkey" });
  await page.context().addCookies([kept[0]]); // as whoever copied everything
  await refused(page, url);

  // After ten minutes the browser has forgotten the attempt.
  const late = await visit(t);
  const answer = await comesBack(late, corp, account);
  await late.context().clearCookies({ name: /attempt/ });
  await refused(late, answer);
});

once("an answer that somebody else fetched links nothing to who opens it", async (t) => {
  const mallory = await visit(t);
  const url = await comesBack(mallory, corp, somebody());
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  await handUnlock(page, alice);
  await page.goto(url);
  assert.equal((await act(page, "GET", "/users/me/bindings")).items.length, 0);
  assert.equal(await whoIs(page), alice.name);
});

once("five tabs at once each end signed in, where they wanted to go", async (t) => {
  const { page, person, account } = await linked(t, {});
  await leave(page);
  corp.forget(account);
  const paths = ["/ui/profile", "/ui/profile/ssh", "/ui/profile/sessions", "/ui/profile/account", "/ui/profile/upstreams"];
  const tabs = await Promise.all(paths.map(async (path) => {
    const tab = await page.context().newPage();
    await tab.goto(`/-/oauth/corp/start?next=${encodeURIComponent(path)}`);
    return tab;
  }));
  for (const tab of tabs) await atIssuer(tab, corp, account);
  for (const [i, tab] of tabs.entries()) {
    await tab.waitForURL(`${w.origin}${paths[i]}**`);
    await tab.locator("header").getByText(person.name).first().waitFor();
  }
  assert.equal(await whoIs(page), person.name);
});

once("what a provider says of somebody stays text", async (t) => {
  const evil = `"><svg onload=alert(1)><img src=x onerror=alert(2)>'{{.}}`;
  const inert = async (page, shows) => {
    assert.equal(await page.locator("svg[onload], img, iframe, [onerror], script:not([src^='/ui/app.js'])").count(), 0, page.url());
    assert.ok((await page.locator("main").innerText()).includes(shows), `${page.url()} does not show it`);
  };
  const { page, person, account } = await linked(t, {}, [], { name: evil, preferred_username: evil, email: `"<svg/onload=alert(3)>"@example.com`, groups: [evil] });
  await page.goto("/ui/profile/accounts");
  await link(page, corp, account);
  await page.getByRole("heading", { name: "Example corp linked" }).waitFor();
  await inert(page, evil.slice(0, 30));
  await follow(page, "Unlink your account at Example corp");
  await inert(page, evil.slice(0, 30));
  const root = await w.person({ admin: true });
  const admin = await w.signedIn(t, root);
  await admin.goto(`/ui/admin/users/${person.name}`);
  await inert(admin, person.name);

  const newcomer = await visit(t);
  await through(newcomer, club, somebody({ name: evil }));
  await newcomer.waitForURL(`${w.origin}/ui/profile**`);
  await newcomer.goto("/ui/profile/account");
  await inert(newcomer, `person${count}`);

  // A name that can be nobody's makes nobody.
  const nobody = await visit(t);
  await through(nobody, club, somebody({ preferred_username: evil, email: undefined }));
  await nobody.getByRole("heading", { name: "You were not signed in" }).waitFor();
  await inert(nobody, "No user name can be made");
});

once("the pages of signing in elsewhere look right", async (t) => {
  const { page, account } = await linked(t, {});
  await page.goto("/ui/profile/accounts");
  await looksRight(page, "linked-accounts-with-one");
  await follow(page, "Unlink your account at Example corp");
  await looksRight(page, "account-unlink");
  await page.goto("/ui/profile/accounts");
  await page.route(`${club.origin}/**`, (route) => route.abort("aborted")); // so that the page stays
  await press(page, "Link your account at Example club");
  await page.getByRole("link", { name: "Go on to Example club" }).waitFor();
  await looksRight(page, "onward");
  await page.unroute(`${club.origin}/**`);

  await leave(page);
  await page.goto("/ui/login");
  await looksRight(page, "sign-in-with-providers");
  await isLight(page, "/ui/login");
  await follow(page, "Sign in with Example corp");
  await page.waitForURL(`${w.origin}/ui/profile**`);
  await looksRight(page, "locked-until-signed-in-again");
  await signOut(page);
  await looksRight(page, "signed-out-here");

  corp.forget(account);
  await through(page, corp, somebody());
  await page.getByRole("heading", { name: "Your account at Example corp is not linked" }).waitFor();
  await looksRight(page, "not-linked");
});
