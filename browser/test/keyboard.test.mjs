// The whole way of a credential by keyboard alone: unlock, create, copy,
// revoke. What has the focus is always to be seen.

import assert from "node:assert/strict";

import { once, world } from "../harness/world.mjs";

const w = world();

const MOST_STOPS = 60; // of a page

// tabTo presses Tab until what is named has the focus, as somebody would who
// listens to the names.
async function tabTo(page, role, name) {
  const wanted = page.getByRole(role, { name });
  for (let i = 0; i < MOST_STOPS; i++) {
    await page.keyboard.press("Tab");
    const { seen, what } = await page.evaluate(() => {
      const e = document.activeElement;
      const style = getComputedStyle(e);
      return { seen: e === document.body || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1, what: e.outerHTML.slice(0, 100) };
    });
    assert.ok(seen, `the focus is not seen on ${what}`);
    for (const one of await wanted.all()) {
      if (await one.evaluate((e) => e === document.activeElement)) return;
    }
  }
  assert.fail(`no ${role} ${name} within ${MOST_STOPS} stops of ${page.url()}`);
}

async function arrived(page, heading) {
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
}

for (const width of [360, 1280]) {
  once(`sign in, unlock, create, copy, revoke, sign out, at ${width} px`, async (t) => {
    const alice = await w.person();
    const page = await w.visit(t, { size: { width, height: 800 }, permissions: ["clipboard-read", "clipboard-write"] });
    await page.goto("/ui/");
    await page.locator("#username:focus").waitFor(); // a busy machine puts the focus there a moment later
    await page.keyboard.type(alice.name);
    await page.keyboard.press("Tab");
    await page.keyboard.type(alice.password);
    await page.keyboard.press("Enter");
    await arrived(page, "Credentials");

    await tabTo(page, "textbox", "Your current password");
    await page.keyboard.type(alice.password);
    await page.keyboard.press("Enter");
    await page.getByRole("group", { name: "Your profile is unlocked" }).waitFor();

    await tabTo(page, "button", "Generate API key");
    await page.keyboard.press("Enter");
    await page.getByText("Your API key is made.").waitFor();
    await tabTo(page, "button", "Copy");
    await page.keyboard.press("Space");
    await page.getByText("Copied.").waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^AKCp8/);

    await tabTo(page, "link", "Generate identity token");
    await page.keyboard.press("Enter");
    await arrived(page, "Generate an identity token");
    await tabTo(page, "textbox", "Description");
    await page.keyboard.type("Made without a mouse");
    await tabTo(page, "radio", /^Everything you may do/);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await tabTo(page, "button", "Generate token");
    await page.keyboard.press("Enter");
    await page.getByText("it is shown only now").waitFor();
    await tabTo(page, "button", "Copy");
    await page.keyboard.press("Enter");
    await page.getByText("Copied.").waitFor();
    const token = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal((await w.daemon.call({ path: "/whoami", as: { token } })).body.user, alice.name);

    await tabTo(page, "link", "Go to your tokens");
    await page.keyboard.press("Enter");
    await page.getByText("Made without a mouse").waitFor();
    const row = page.getByRole("listitem").filter({ hasText: "Made without a mouse" });
    const revoke = row.getByRole("link", { name: /^Revoke/ });
    for (let i = 0; !(await revoke.evaluate((e) => e === document.activeElement)); i++) {
      assert.ok(i < MOST_STOPS);
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await arrived(page, /Made without a mouse/);
    await tabTo(page, "button", /^Revoke/);
    await page.keyboard.press("Enter");
    await page.getByText("The token is revoked.").waitFor();
    await w.daemon.call({ path: "/whoami", as: { token }, expect: 401 });

    await tabTo(page, "button", "Lock now");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Locked" }).waitFor();
    await tabTo(page, "button", "Sign out");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${w.origin}/ui/login**`);
  });
}

once("Enter in a field sends its form, and a refused form puts the focus where the mistake is", async (t) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice);
  await page.goto("/ui/profile");
  await tabTo(page, "textbox", "Your current password");
  await page.keyboard.type("not the right one at all");
  await page.keyboard.press("Enter");
  await page.locator("[aria-invalid=true]").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-invalid")), "true");
});
