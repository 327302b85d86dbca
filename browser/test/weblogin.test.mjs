// Letting a program in through the browser, as jf's web login does.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { axe, looksRight } from "../harness/looks.mjs";
import { complaint } from "../harness/steps.mjs";
import { both, once, world } from "../harness/world.mjs";

const w = world({ profile: { unlock_for: "2s" } });

const BASE = "/access/api/v2/authentication/jfrog_client_login";

// program is one that waits to be let in.
async function program() {
  const session = randomUUID();
  const asked = await fetch(`${w.origin}${BASE}/request`, {
    method: "POST", headers: { "Content-Type": "application/json", "User-Agent": "jfrog-cli-go/2.80.0" }, body: JSON.stringify({ session }),
  });
  assert.equal(asked.status, 200, await asked.text());
  return {
    link: `/ui/login?jfClientSession=${session}&jfClientName=JFrog-CLI`,
    code: session.slice(-4),
    token: async () => {
      const answer = await fetch(`${w.origin}${BASE}/token/${session}`);
      return answer.status === 200 ? (await answer.json()).access_token : null;
    },
  };
}

both("signing in, the code and the password let the program in, once", async (t, options) => {
  const alice = await w.person();
  const waiting = await program();
  const page = await w.visit(t, options);
  await page.goto(waiting.link);
  await page.getByLabel("Name", { exact: true }).fill(alice.name);
  await page.getByLabel("Password", { exact: true }).fill(alice.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();

  await page.getByRole("heading", { name: "Let a program in" }).waitFor();
  assert.equal(await waiting.token(), null);
  await page.getByLabel("Last four characters").fill(waiting.code);
  await page.getByLabel("Your password").fill(alice.password);
  await page.getByRole("button", { name: "Let it in" }).click();
  await page.getByRole("heading", { name: "The program is in" }).waitFor();

  const token = await waiting.token();
  const { body } = await w.daemon.call({ path: "/whoami", as: { token } });
  assert.equal(body.user, alice.name);
  assert.equal(await waiting.token(), null, "the token is handed over once");
});

both("a wrong code and a wrong password let nothing in, and say so at their field", async (t, options) => {
  const alice = await w.person();
  const waiting = await program();
  const page = await w.signedIn(t, alice, options);
  await page.goto(waiting.link);

  const answer = async (code, password) => {
    await page.getByLabel("Last four characters").fill(code);
    const asks = page.getByLabel("Your password");
    if (await asks.count()) await asks.fill(password);
    await page.getByRole("button", { name: "Let it in" }).click();
  };
  await answer(waiting.code, "not the password of anybody");
  assert.match(await complaint(page.getByLabel("Your password")), /password is not right/);
  await answer(waiting.code === "0000" ? "1111" : "0000", alice.password);
  assert.match(await complaint(page.getByLabel("Last four characters")), /not the characters/);
  if (options.js) await axe(page);
  assert.equal(await waiting.token(), null);
});

both("whoever did not start it says so, and it gets nothing", async (t, options) => {
  const alice = await w.person();
  const waiting = await program();
  const page = await w.signedIn(t, alice, options);
  await page.goto(waiting.link);
  await page.getByRole("button", { name: "It was not me" }).click();
  await page.getByRole("heading", { name: "The program was not let in" }).waitFor();
  assert.equal(await waiting.token(), null);
});

both("a link that is broken, or that nobody waits at, explains itself", async (t, options) => {
  const alice = await w.person();
  const page = await w.signedIn(t, alice, options);
  assert.equal((await page.goto("/ui/login?jfClientSession=short")).status(), 400);
  await page.getByRole("heading", { name: "This link does not work" }).waitFor();
  assert.equal((await page.goto(`/ui/login?jfClientSession=${randomUUID()}`)).status(), 404);
  await page.getByRole("heading", { name: "Nothing is waiting here" }).waitFor();
});

once("the question looks right everywhere", async (t) => {
  const alice = await w.person();
  const waiting = await program();
  const page = await w.signedIn(t, alice);
  await page.goto(waiting.link);
  await looksRight(page, "web-login");
});
