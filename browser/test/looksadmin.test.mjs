// Every page of the administration, looked at as those of a person are.

import assert from "node:assert/strict";

import { isLight, looksRight, screenshots } from "../harness/looks.mjs";
import { sshKey } from "../harness/sshkeys.mjs";
import { act, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

const LONG = "the-group-of-everybody-who-builds-on-the-second-floor-or-below";

let root, alice;
async function asRoot(t, { unlocked = true, ...options } = {}) {
  if (root === undefined) {
    root = await w.person({ name: "root", admin: true, display_name: "Root" });
    await w.call("POST", "/groups", { name: LONG, description: "A description that goes on for a while, so that a line is full and another one begins with it." });
    await w.call("POST", "/groups", { name: "staff" });
    alice = await w.person({ name: "alice.of.the.long.name@subsidiary.example-company.com", email: "alice@example.com", display_name: "Alice Longname", groups: [LONG, "staff"] });
    await w.call("POST", "/me/apikey", undefined, alice);
    await w.call("POST", "/me/tokens", { description: LONG }, alice);
    await w.call("POST", "/me/sshkeys", { key: sshKey().line, title: LONG }, alice);
    for (const [name, display_name] of [["bertha", "Bertha Benz"], ["carl", "Carl Friedrich Gauß"], ["dorothea", "Dorothea Erxleben"]]) {
      await w.person({ name, display_name, groups: ["staff"] });
    }
    await w.call("POST", "/users/carl/disable");
    await w.call("POST", "/users", { name: "build-server", kind: "service", display_name: "Build server" });
  }
  const page = await w.signedIn(t, root, options);
  if (unlocked) await handUnlock(page, root);
  return page;
}

const hers = () => `/ui/admin/users/${encodeURIComponent(alice.name)}`;

const PAGES = {
  "admin-users": () => "/ui/admin/users",
  "admin-user": hers,
  "admin-groups": () => "/ui/admin/groups",
  "admin-keys": () => "/ui/admin/keys",
};

const UNLOCKED = {
  "admin-user-new": () => "/ui/admin/users/new",
  "admin-user-edit": () => `${hers()}/edit`,
  "admin-user-disable": () => `${hers()}/disable`,
  "admin-user-delete": () => `${hers()}/delete`,
  "admin-user-reset-link": () => `${hers()}/reset-link`,
  "admin-user-tokens": () => `${hers()}/tokens`,
  "admin-group-new": () => "/ui/admin/groups/new",
  "admin-group-edit": () => `/ui/admin/groups/edit?group=${LONG}`,
  "admin-group-delete": () => `/ui/admin/groups/delete?group=${LONG}`,
  "admin-keys-revoke": () => "/ui/admin/keys/revoke-all",
  "admin-audit-nothing": () => "/ui/admin/audit?user=nobody-of-that-name",
  "admin-policies": () => "/ui/admin/policies",
  "admin-health": () => "/ui/admin/health",
};

for (const [name, path] of Object.entries(PAGES)) {
  once(`${name}, locked`, async (t) => {
    const page = await asRoot(t, { unlocked: false });
    assert.equal((await page.goto(path())).status(), 200);
    await looksRight(page, `${name}-locked`);
  });
}

for (const [name, path] of Object.entries({ ...PAGES, ...UNLOCKED })) {
  once(name, async (t) => {
    const page = await asRoot(t);
    assert.equal((await page.goto(path())).status(), 200);
    await looksRight(page, name);
  });
}

once("a refused form", async (t) => {
  const page = await asRoot(t);
  await page.goto("/ui/admin/users/new");
  await page.getByLabel("Name", { exact: true }).fill("No Spaces");
  await page.getByRole("button", { name: "Add user" }).click();
  await page.locator("[aria-invalid=true]").first().waitFor();
  await looksRight(page, "admin-user-refused");
});

// A few events are enough: each more costs axe its time six times.
once("the audit trail, and one of its events opened", async (t) => {
  const page = await asRoot(t);
  await page.goto(`/ui/admin/audit?user=${encodeURIComponent(alice.name)}`);
  await page.locator("main summary").first().click();
  await looksRight(page, "admin-audit-event");
  await isLight(page, "/ui/admin/audit");
});

once("the pages are light over the wire", async (t) => {
  for (const path of Object.values({ ...PAGES, ...UNLOCKED })) await isLight(await asRoot(t), path());
});

once("a picture for the documentation", async (t) => {
  const page = await asRoot(t);
  await act(page, "DELETE", `/users/${encodeURIComponent(alice.name)}`);
  await page.goto("/ui/admin/users");
  await screenshots(page, "admin-users");
});
