// Signing in and out.

import assert from "node:assert/strict";

import { signIn } from "../harness/steps.mjs";
import { both, once, world } from "../harness/world.mjs";

const w = world();

const NOT_RIGHT = /name or the password is not right/;

both("the right password leads to the account", async (t, options) => {
  const alice = await w.person();
  const page = await w.visit(t, options);
  await signIn(page, alice);
  await page.waitForURL(`${w.origin}/ui/profile**`);
  assert.match(await page.locator("header").innerText(), new RegExp(alice.name));
  assert.equal((await page.goto("/ui/")).status(), 200);
});

both("a wrong password says nothing about the account, and keeps the name", async (t, options) => {
  const alice = await w.person();
  const said = [];
  for (const name of [alice.name, "nobody-of-that-name"]) {
    const page = await w.visit(t, options);
    await signIn(page, { name, password: "wrong password, surely" });
    const problem = page.getByRole("alert");
    await problem.waitFor();
    said.push(await problem.innerText());
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), name);
    assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "");
    assert.equal(new URL(page.url()).search, "", "nothing typed lies in the address");
    assert.deepEqual(await page.context().cookies(), []);
  }
  assert.match(said[0], NOT_RIGHT);
  assert.equal(said[0], said[1]);
});

both("after a wrong password the right one still leads where the person wanted to go", async (t, options) => {
  const alice = await w.person();
  const page = await w.visit(t, options);
  await signIn(page, { name: alice.name, password: "wrong password, surely" }, { next: "/ui/profile?from=here" });
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(alice.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${w.origin}/ui/profile?from=here`);
});

both("a page that needs somebody leads to signing in, and back", async (t, options) => {
  const alice = await w.person();
  const page = await w.visit(t, options);
  await page.goto("/ui/profile?q=1");
  assert.equal(new URL(page.url()).pathname, "/ui/login");
  await page.getByLabel("Name", { exact: true }).fill(alice.name);
  await page.getByLabel("Password", { exact: true }).fill(alice.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL(`${w.origin}/ui/profile?q=1`);
});

for (const next of ["//localhost/", "/\\localhost/", "https://localhost/", "/%2f%2flocalhost/", "javascript:alert(1)"]) {
  once(`signing in never leads to ${next}`, async (t) => {
    const alice = await w.person();
    const page = await w.visit(t);
    await signIn(page, alice, { next });
    await page.waitForURL(`${w.origin}/ui/profile**`);
  });
}

once("by keyboard alone, beginning where the page puts it", async (t) => {
  const alice = await w.person();
  const page = await w.visit(t);
  await page.goto("/ui/login");
  await page.locator("#username:focus").waitFor(); // a busy machine puts the focus there a moment later
  await page.keyboard.type(alice.name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(alice.password);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  assert.equal(await page.getByLabel(/Keep me signed in/).isChecked(), true);
  await page.getByLabel("Password", { exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${w.origin}/ui/profile**`);
  assert.equal((await page.goto("/ui/")).status(), 200);
});

once("the skip link is the first stop, and leads to the content", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  await page.goto("/ui/");
  await page.keyboard.press("Tab");
  const focused = page.locator(":focus");
  assert.equal(await focused.innerText(), "Skip to content");
  const box = await focused.boundingBox();
  assert.ok(box.x >= 0 && box.y >= 0, "it is seen while it has the focus");
  await page.keyboard.press("Enter");
  assert.equal(new URL(page.url()).hash, "#main");
});

once("the cookie is out of reach of scripts and of other sites, and lasts as long as asked for", async (t) => {
  const alice = await w.person();
  for (const remember of [false, true]) {
    const page = await w.visit(t);
    await signIn(page, alice, { remember });
    await page.waitForURL(`${w.origin}/ui/profile**`);
    const cookies = await page.context().cookies();
    assert.equal(cookies.length, 1);
    const [cookie] = cookies;
    assert.equal(cookie.name, "latchkey");
    assert.deepEqual(
      { httpOnly: cookie.httpOnly, sameSite: cookie.sameSite, path: cookie.path, domain: cookie.domain },
      { httpOnly: true, sameSite: "Lax", path: "/", domain: "127.0.0.1" }, // no leading dot: this host alone
    );
    const days = (cookie.expires - Date.now() / 1000) / 86_400;
    assert.ok(remember ? days > 13 && days <= 14 : cookie.expires === -1, `it lasts ${days} days`);
    assert.equal(await page.evaluate(() => document.cookie), "");
  }
});

once("a planted cookie is replaced, and dead cookies are taken away", async (t) => {
  const alice = await w.person();
  const page = await w.visit(t);
  const planted = "A".repeat(43);
  await page.context().addCookies([{ name: "latchkey", value: planted, url: w.origin }]);
  await page.goto("/ui/login");
  assert.deepEqual(await page.context().cookies(), []);
  await page.context().addCookies([{ name: "latchkey", value: planted, url: w.origin }]);
  await signIn(page, alice);
  await page.waitForURL(`${w.origin}/ui/profile**`);
  const [cookie] = await page.context().cookies();
  assert.notEqual(cookie.value, planted);
});

both("signing out ends the session everywhere, and Back shows nothing of it", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  await page.goto("/ui/");
  const [cookie] = await page.context().cookies();
  await signOut(page);
  await page.waitForURL(`${w.origin}/ui/login**`);
  assert.deepEqual(await page.context().cookies(), []);

  await page.goBack();
  await page.waitForLoadState();
  assert.equal(new URL(page.url()).pathname, "/ui/login", "Back asks to sign in");
  assert.doesNotMatch(await page.locator("body").innerText(), new RegExp(alice.name));

  const replay = await w.visit(t, options);
  await replay.context().addCookies([{ name: "latchkey", value: cookie.value, url: w.origin }]);
  await replay.goto("/ui/");
  assert.equal(new URL(replay.url()).pathname, "/ui/login");
});

once("two tabs sign in at once, and a tab that was left behind asks again", async (t) => {
  const alice = await w.person();
  const first = await w.visit(t);
  const second = await first.context().newPage();
  await first.goto("/ui/login?next=%2Fui%2Fprofile%3Ftab%3D1");
  await second.goto("/ui/login?next=%2Fui%2Fprofile%3Ftab%3D2");
  for (const [page, tab] of [[first, 1], [second, 2]]) {
    await page.getByLabel("Name", { exact: true }).fill(alice.name);
    await page.getByLabel("Password", { exact: true }).fill(alice.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.waitForURL(`${w.origin}/ui/profile?tab=${tab}`);
  }
  await first.reload();
  assert.equal(new URL(first.url()).search, "?tab=1", "the first tab is signed in as well");
  await signOut(second);
  await first.reload();
  assert.equal(new URL(first.url()).pathname, "/ui/login");
});

once("whoever is signed in already goes on without being asked", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  await page.goto("/ui/login?next=%2Fui%2Fprofile%3Fx%3D1");
  assert.equal(page.url(), `${w.origin}/ui/profile?x=1`);
});

both("a disabled account and a service account cannot sign in, and hear what everybody hears", async (t, options) => {
  const gone = await w.person();
  await w.call("POST", `/users/${gone.name}/disable`);
  const robot = { name: `robot-${gone.name}`, password: "a guess at nothing" };
  await w.call("POST", "/users", { name: robot.name, kind: "service" });
  for (const person of [gone, robot]) {
    const page = await w.visit(t, options);
    await signIn(page, person);
    assert.match(await page.getByRole("alert").innerText(), NOT_RIGHT);
  }
});

once("too many attempts say how long to wait", async (t) => {
  const alice = await w.person();
  await w.guess(alice.name, 50);
  for (const js of [true, false]) {
    const page = await w.visit(t, { js });
    await signIn(page, { name: alice.name, password: `one guess more, ${js}` });
    assert.match(await page.getByRole("alert").innerText(), /too many attempts.* Wait \d+ seconds?/);
  }
});

async function signOut(page) {
  await page.getByRole("button", { name: "Sign out" }).click();
}
