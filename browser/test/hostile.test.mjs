// Names, titles and addresses that try to be markup or script, on every page
// that shows them. Pages fail by themselves on a dialog or a broken policy;
// here it is also asked that nothing of it became an element.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { sshKey } from "../harness/sshkeys.mjs";
import { act, both, handSession, handUnlock, once, world } from "../harness/world.mjs";

const w = world();

const EVIL = `"><svg onload=alert(1)><img src=x onerror=alert(2)>'-alert(3)-'{{.}}<!--`;
const GROUP = "<svg onload=alert(1)>&amp;";
const LINES = `${EVIL}\n</textarea><script>alert(4)</script>`;

// harmless asserts that the page shows evil as text, where it is to be seen.
async function harmless(page, shows) {
  const { elements, attributes } = await page.evaluate(() => ({
    elements: [...document.querySelectorAll("svg[onload], img, script:not([src^='/ui/app.js']), iframe, [onerror]")].map((e) => e.outerHTML.slice(0, 80)),
    attributes: [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes].filter((a) => /^on/i.test(a.name) || /^(href|src|action|formaction)$/.test(a.name) && /^\s*(javascript|data):/i.test(a.value) && e.localName !== "link").map((a) => `${e.localName} ${a.name}=${a.value.slice(0, 60)}`)),
  }));
  assert.deepEqual([elements, attributes], [[], []], page.url());
  if (shows) {
    const text = await page.locator("main").innerText();
    const values = await page.locator("main input, main textarea").evaluateAll((all) => all.map((e) => e.value).join("\n"));
    assert.ok((text + values).includes(shows), `${page.url()} does not show it:\n${text}`);
  }
}

let mallory, root, ids;

// furnish makes somebody whose every name is hostile, once.
async function furnish(t, options) {
  const userAgent = "Mozilla/5.0 <svg onload=alert(1)> Firefox/145.0 \"><img src=x onerror=alert(2)>";
  const page = await w.visit(t, { ...options, userAgent });
  if (mallory === undefined) {
    await w.call("POST", "/groups", { name: GROUP, description: LINES });
    mallory = await w.person({ display_name: EVIL, groups: [GROUP] });
    root = await w.person({ admin: true, display_name: EVIL });
    await handSession(page, mallory);
    await handUnlock(page, mallory);
    const { api_key } = await act(page, "POST", "/me/apikey");
    const token = await act(page, "POST", "/me/tokens", { description: EVIL, reference: true });
    const gone = await act(page, "POST", "/me/tokens", { description: EVIL });
    for (const headers of [{ "X-Api-Key": api_key }, { Authorization: `Bearer ${token.reference_token}` }]) {
      await (await fetch(`${w.origin}/-/api/v1/whoami`, { headers: { ...headers, "User-Agent": userAgent } })).text();
    }
    await act(page, "DELETE", `/tokens/${gone.id}`);
    const key = await act(page, "POST", "/me/sshkeys", { key: sshKey({ comment: EVIL }).line });
    ids = { token: token.id, key: key.id };
  } else {
    await handSession(page, mallory);
    await handUnlock(page, mallory);
  }
  return page;
}

both("on the pages of a person's own", async (t, options) => {
  const page = await furnish(t, options);
  for (const [path, shows] of [
    ["/ui/profile", EVIL.slice(0, 40)],
    [`/ui/profile/tokens/${ids.token}/rotate`, EVIL.slice(0, 40)],
    [`/ui/profile/tokens/${ids.token}/revoke`, EVIL.slice(0, 40)],
    ["/ui/profile/tokens/new", GROUP],
    ["/ui/profile/ssh", EVIL.slice(0, 30)],
    [`/ui/profile/ssh/${encodeURIComponent(ids.key)}/delete`, EVIL.slice(0, 30)],
    ["/ui/profile/sessions", ""],
    ["/ui/profile/activity", ""],
    ["/ui/profile/account", EVIL],
    ["/ui/profile/upstreams", ""],
    ["/ui/profile/accounts", ""],
  ]) {
    assert.equal((await page.goto(path)).status(), 200, path);
    await harmless(page, shows);
  }
});

both("on the pages of the administration", async (t, options) => {
  await furnish(t, options);
  const page = await w.signedIn(t, root, options);
  await handUnlock(page, root);
  const user = `/ui/admin/users/${mallory.name}`;
  for (const [path, shows] of [
    ["/ui/admin/users", EVIL], [user, EVIL], [`${user}/edit`, EVIL], [`${user}/tokens`, EVIL.slice(0, 40)], [`${user}/sshkeys`, EVIL.slice(0, 30)],
    [`${user}/sessions`, ""], [`${user}/tokens/${ids.token}/end`, EVIL.slice(0, 40)], [`${user}/sshkeys/${encodeURIComponent(ids.key)}/end`, EVIL.slice(0, 30)],
    ["/ui/admin/groups", GROUP], [`/ui/admin/groups/edit?group=${encodeURIComponent(GROUP)}`, GROUP], [`/ui/admin/groups/delete?group=${encodeURIComponent(GROUP)}`, ""],
    ["/ui/admin/audit", ""], [`/ui/admin/audit?user=${mallory.name}`, ""],
  ]) {
    assert.equal((await page.goto(path)).status(), 200, path);
    await harmless(page, shows);
  }
});

both("in addresses and forms, reflected at once", async (t, options) => {
  await furnish(t, options);
  const page = await w.signedIn(t, root, options);
  await handUnlock(page, root);
  const evil = encodeURIComponent(EVIL);
  for (const path of [
    `/ui/admin/users?search=${evil}`, `/ui/admin/users?after=${evil}`, `/ui/admin/groups?search=${evil}`, `/ui/admin/audit?user=${evil}&text=${evil}&action=${evil}&since=${evil}`,
    `/ui/admin/audit?before=${evil}`, `/ui/profile?done=${evil}&page=${evil}`, `/ui/profile/unlock?next=${evil}`, "/ui/profile/unlock?next=javascript:alert(1)", `/ui/${evil}`,
    `/ui/admin/users/${evil}`, `/ui/admin/groups/edit?group=${evil}`, `/ui/reset?user=${evil}&key=${evil}`, `/ui/email?key=${evil}`, `/ui/login?jfClientSession=${evil}`,
  ]) {
    const answer = await page.goto(path);
    assert.ok(answer.status() < 500, `${path}: ${answer.status()}`);
    await harmless(page);
  }
  for (const text of page.faults.take("console")) assert.match(text, /yyyy-MM-dd/); // a field of a day says that it is none
  const stranger = await w.visit(t, options);
  for (const path of [`/ui/login?next=${evil}`, "/ui/login?next=javascript:alert(1)", `/ui/forgot?done=${evil}`]) {
    await stranger.goto(path);
    await harmless(stranger);
  }
});

once("in forms that come back with what was typed", async (t) => {
  const page = await furnish(t, {});
  await page.goto("/ui/profile/ssh");
  await page.getByLabel("Public key").fill(`ssh-ed25519 ${EVIL}`);
  await page.getByLabel("Title").fill(EVIL);
  await page.getByRole("button", { name: "Add SSH key" }).click();
  await page.locator("[aria-invalid=true]").first().waitFor();
  await harmless(page, EVIL);
  await page.goto("/ui/profile/tokens/new");
  await page.getByLabel("Description").fill(EVIL);
  await page.getByLabel("Another scope").check();
  await page.getByLabel("Scope", { exact: true }).fill(EVIL);
  await page.getByRole("button", { name: "Generate token" }).click();
  await page.locator("[aria-invalid=true]").first().waitFor();
  await harmless(page, EVIL);

  const stranger = await w.visit(t);
  await stranger.goto("/ui/login");
  await stranger.getByLabel("Name", { exact: true }).fill(EVIL.slice(0, 64));
  await stranger.getByLabel("Password", { exact: true }).fill(EVIL);
  await stranger.getByRole("button", { name: "Sign in", exact: true }).click();
  await stranger.getByRole("alert").waitFor();
  await harmless(stranger, EVIL.slice(0, 64));
});

both("a program's name that is markup, at the question whether it may come in", async (t, options) => {
  const session = randomUUID();
  const asked = await fetch(`${w.origin}/access/api/v2/authentication/jfrog_client_login/request`, {
    method: "POST", body: JSON.stringify({ session }), headers: { "Content-Type": "application/json", "User-Agent": '"><svg onload=alert(1)>' },
  });
  assert.equal(asked.status, 200);
  const page = await furnish(t, options);
  await page.goto(`/ui/login?jfClientSession=${session}&jfClientName=${encodeURIComponent(EVIL)}`);
  await page.getByRole("heading", { name: "Let a program in" }).waitFor();
  await harmless(page, "<svg onload=alert(1)>");
});

once("a display name cannot turn what stands around it", async () => {
  const { status } = await w.call("PATCH", `/users/${mallory.name}`, { display_name: "abc\u202Edef" }, w.root, 0);
  assert.equal(status, 400);
});
