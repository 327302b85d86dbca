// Every page of a person's own: axe finds nothing in light and dark, nothing
// sticks out on a phone, a tablet or a desk, and it weighs little.

import assert from "node:assert/strict";

import { isLight, looksRight, screenshots } from "../harness/looks.mjs";
import { sshKey } from "../harness/sshkeys.mjs";
import { press, secretOf, section } from "../harness/steps.mjs";
import { act, handSession, handUnlock, once, world } from "../harness/world.mjs";

const w = world({
  upstreams: [
    { name: "artifacts", url: "https://artifacts.example.com/whoami", send: "basic", sign_up: "https://artifacts.example.com/join" },
    { name: "a-service-with-a-rather-long-name", url: "https://a-host-with-a-rather-long-name.subsidiary.example.com:8443/whoami", send: "header", header: "X-Secret" },
  ],
});

const LONG = "A very long description of a machine in a room that somebody once called the build server of the second floor";

// rich makes somebody with something of everything, long names among it.
async function rich(page) {
  const alice = await w.person({ name: "alice.of.the.long.name@subsidiary.example-company.com", email: "alice@example.com", display_name: "Alice Longname" });
  await handSession(page, alice);
  await handUnlock(page, alice);
  const { api_key } = await act(page, "POST", "/me/apikey");
  await fetch(`${w.origin}/-/api/v1/whoami`, { headers: { "X-Api-Key": api_key, "User-Agent": "git-lfs/3.5.1 (GitHub; linux amd64; go 1.22.4)" } });
  for (const [description, more] of [[LONG, {}], ["Short", { expires_in: 3 * 86_400 }], ["Repository", { scope: "artifact:team/assets:r,w" }], ["Gone", {}]]) {
    const token = await act(page, "POST", "/me/tokens", { description, reference: true, ...more });
    await fetch(`${w.origin}/-/api/v1/whoami`, { headers: { Authorization: `Bearer ${token.reference_token}`, "User-Agent": "pip/24.2" } });
    if (description === "Gone") await act(page, "DELETE", `/tokens/${token.id}`);
  }
  await act(page, "POST", "/me/sshkeys", { key: sshKey().line, title: LONG });
  await act(page, "POST", "/me/sshkeys", { key: sshKey({ kind: "rsa" }).line, title: "Short" });
  await act(page, "PUT", "/users/me/upstreams/artifacts", { name: "alice.of.the.long.name", secret: "a secret of hers" });
  return alice;
}

let alice;
async function asAlice(t, unlocked) {
  const page = await w.visit(t);
  if (alice === undefined) alice = await rich(page);
  else await handSession(page, alice);
  if (unlocked) await handUnlock(page, alice);
  else await act(page, "POST", "/session/lock");
  return page;
}

once("sign in", async (t) => {
  const page = await w.visit(t);
  await page.goto("/ui/login");
  await looksRight(page, "sign-in");
});

once("sign in, refused", async (t) => {
  const page = await w.visit(t);
  await page.goto("/ui/login");
  await page.getByLabel("Name", { exact: true }).fill("somebody");
  await page.getByLabel("Password", { exact: true }).fill("a guess at nothing");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("alert").waitFor();
  await looksRight(page, "sign-in-refused");
});

const PAGES = [
  // name of the picture, address
  ["profile", "/ui/profile"],
  ["ssh-keys", "/ui/profile/ssh"],
  ["linked-accounts", "/ui/profile/accounts"],
  ["upstreams", "/ui/profile/upstreams"],
  ["sessions", "/ui/profile/sessions"],
  ["account", "/ui/profile/account"],
];

for (const [name, path] of PAGES) {
  for (const unlocked of [false, true]) {
    once(`${path}, ${unlocked ? "unlocked" : "locked"}`, async (t) => {
      const page = await asAlice(t, unlocked);
      assert.equal((await page.goto(path)).status(), 200);
      await looksRight(page, `${name}-${unlocked ? "unlocked" : "locked"}`);
    });
  }
}

const UNLOCKED = [
  ["activity", "/ui/profile/activity"],
  ["upstream-delete", "/ui/profile/upstreams/artifacts/delete"],
  ["token-new", "/ui/profile/tokens/new"],
  ["api-key-regenerate", "/ui/profile/apikey/rotate"],
  ["api-key-revoke", "/ui/profile/apikey/revoke"],
  ["sessions-end", "/ui/profile/sessions/end-others"],
];

for (const [name, path] of UNLOCKED) {
  once(path, async (t) => {
    const page = await asAlice(t, true);
    assert.equal((await page.goto(path)).status(), 200);
    await looksRight(page, name);
  });
}

once("the profile with its secrets in view", async (t) => {
  const page = await asAlice(t, true);
  await page.goto("/ui/profile");
  await secretOf(section(page, "API key"));
  await secretOf(section(page, "Encrypted password"));
  await looksRight(page, "profile-in-view");
});

once("a new token, and the page that replaces it", async (t) => {
  const page = await asAlice(t, true);
  await page.goto("/ui/profile/tokens/new");
  await page.getByLabel("Description").fill("Laptop");
  await press(page, "Generate token");
  await page.getByText("it is shown only now").waitFor();
  await looksRight(page, "token-shown");
  const { items } = await act(page, "GET", "/users/me/tokens");
  for (const what of ["rotate", "revoke"]) {
    await page.goto(`/ui/profile/tokens/${items[0].id}/${what}`);
    await looksRight(page, `token-${what}`);
  }
});

once("a key of SSH that is deleted", async (t) => {
  const page = await asAlice(t, true);
  const { items } = await act(page, "GET", "/users/me/sshkeys");
  await page.goto(`/ui/profile/ssh/${encodeURIComponent(items[0].id)}/delete`);
  await looksRight(page, "ssh-key-delete");
});

once("forms with every field refused", async (t) => {
  const page = await asAlice(t, true);
  await page.goto("/ui/profile/ssh");
  await page.getByLabel("Public key").fill("this is no key");
  await press(page, "Add SSH key");
  await page.locator("[aria-invalid=true]").first().waitFor();
  await looksRight(page, "ssh-key-refused");
});

once("somebody new, who has nothing yet", async (t) => {
  const page = await w.signedIn(t, await w.person());
  for (const [name, path] of PAGES.slice(0, 2)) {
    await page.goto(path);
    await looksRight(page, `${name}-empty`);
  }
});

once("pictures for the documentation", async (t) => {
  const page = await w.visit(t);
  await page.goto("/ui/login");
  await screenshots(page, "sign-in");
  const person = await w.person({ name: "alice", display_name: "Alice Ahrens" });
  await handSession(page, person);
  await handUnlock(page, person);
  await act(page, "POST", "/me/apikey");
  for (const [description, client, scope] of [
    ["Laptop", "git/2.47.1", "applied-permissions/user"],
    ["Build server, release job", "git-lfs/3.5.1", "artifact:team/assets:r,w"],
  ]) {
    const token = await act(page, "POST", "/me/tokens", { description, scope, reference: true });
    const answer = await fetch(`${w.origin}/-/api/v1/whoami`, { headers: { Authorization: `Bearer ${token.reference_token}`, "User-Agent": client } });
    await answer.text();
  }
  await page.goto("/ui/profile");
  await screenshots(page, "profile-unlocked");
  await page.goto("/ui/profile/tokens/new");
  await page.getByLabel("Description").fill("Laptop, for git and git-lfs");
  await screenshots(page, "token-new");
  await act(page, "POST", "/session/lock");
  await page.goto("/ui/profile");
  await screenshots(page, "profile-locked");
});

once("every page is light over the wire", async (t) => {
  const fresh = await w.visit(t);
  await isLight(fresh, "/ui/login");
  for (const [, path] of PAGES.concat(UNLOCKED)) {
    await isLight(await asAlice(t, true), path); // a browser of its own each: nothing is kept
  }
});

once("every link and button is large enough to hit, and every heading is in order", async (t) => {
  for (const unlocked of [false, true]) {
    const page = await asAlice(t, unlocked);
    await page.setViewportSize({ width: 360, height: 740 });
    for (const [, path] of PAGES) {
      await page.goto(path);
      const small = await page.locator("main button:visible, main .button:visible, main input:visible").evaluateAll((all) =>
        all.map((e) => [e.textContent.trim() || e.id, e.getBoundingClientRect()]).filter(([, r]) => r.height < 24 || r.width < 18).map(([what, r]) => `${what}: ${r.width}x${r.height}`));
      assert.deepEqual(small, [], path);
      const levels = await page.locator("h1, h2, h3, h4").evaluateAll((all) => all.filter((h) => !h.hidden).map((h) => Number(h.localName[1])));
      assert.equal(levels[0], 1, path);
      assert.equal(levels.filter((l) => l === 1).length, 1, path);
      levels.forEach((level, i) => assert.ok(i === 0 || level <= levels[i - 1] + 1, `${path}: h${level} follows h${levels[i - 1]}`));
    }
  }
});
