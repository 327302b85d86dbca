// What a file of tests stands on: one daemon, one browser, and people to sign
// in as. Each test gets pages of its own.

import { randomBytes, randomInt } from "node:crypto";
import { get } from "node:http";
import { after, before, test } from "node:test";

import { launch, open } from "./browser.mjs";
import { start } from "./daemon.mjs";

const TEST_WITHIN = 60_000; // milliseconds, of one test

/**
 * world readies a daemon with settings (a function of nothing, or an object)
 * and a browser for the tests of a file, and ends both after them. furnish is
 * called with the world once both are there.
 */
export function world(settings = {}, furnish = async () => {}) {
  const w = new World();
  before(async () => {
    await w.begin(typeof settings === "function" ? await settings() : settings);
    await furnish(w);
  }, { timeout: TEST_WITHIN });
  after(() => w.end(), { timeout: TEST_WITHIN });
  return w;
}

/** both registers a test twice: with JavaScript, and with it switched off. */
export function both(name, run) {
  for (const js of [true, false]) {
    test(`${name}, ${js ? "with" : "without"} JavaScript`, { timeout: TEST_WITHIN }, (t) => run(t, { js }));
  }
}

/** once registers a test that runs with JavaScript alone. */
export function once(name, run) {
  test(name, { timeout: TEST_WITHIN }, run);
}

class World {
  async begin(settings) {
    // Whichever of the two comes up is ended, also when the other does not.
    const failed = (await Promise.allSettled([
      start(settings).then((daemon) => { this.daemon = daemon; }),
      launch().then((browser) => { this.browser = browser; }),
    ])).find((r) => r.status === "rejected");
    if (failed) throw failed.reason;
    this.origin = this.daemon.origin;
    const { body } = await this.daemon.call({
      as: this.daemon.admin, method: "POST", path: "/users/me/tokens",
      body: { description: "of the tests", scope: "applied-permissions/admin" },
    });
    this.root = { token: body.access_token };
  }

  async end() {
    try {
      await this.browser?.close();
    } finally {
      await this.daemon?.stop();
    }
  }

  /** call is the JSON API, as an administrator where nobody else is named. */
  call(method, path, body, as = this.root, expect = undefined) {
    return this.daemon.call({ as, method, path, body, expect });
  }

  /** person makes an account: {name, password} and what else was asked for. */
  async person(more = {}) {
    const name = more.name ?? `p${randomBytes(4).toString("hex")}`;
    const password = more.password ?? `correct horse ${randomBytes(6).toString("hex")}`;
    const { email = `${name}@example.com`, ...rest } = more;
    await this.call("POST", "/users", { email, ...rest, name, password });
    return { name, password, email };
  }

  /** guess tries wrong passwords from another address of this machine. */
  async guess(name, times) {
    const localAddress = `127.${1 + randomInt(250)}.${randomInt(250)}.${1 + randomInt(250)}`;
    for (let i = 0; i < times; i++) {
      await new Promise((resolve, reject) => {
        get(`${this.origin}/-/api/v1/whoami`, { auth: `${name}:guess ${i}`, localAddress, timeout: TEST_WITHIN }, (answer) => answer.resume().on("end", resolve)).on("error", reject);
      });
    }
  }

  /** visit opens a page for a test, and verifies it when the test is over. */
  async visit(t, options = {}) {
    const { context, page, faults } = await open(this.browser, { origin: this.origin, ...options });
    t.after(async () => {
      await context.close();
      faults.verify();
    });
    return page;
  }

  /** signedIn is visit by somebody who signed in just before. */
  async signedIn(t, person, options = {}) {
    const page = await this.visit(t, options);
    await handSession(page, person);
    return page;
  }
}

/** handSession signs a page's browser in by the API: quicker than the form. */
export async function handSession(page, person) {
  await act(page, "POST", "/session", { username: person.name, password: person.password });
}

/** handUnlock unlocks its session by the API. */
export async function handUnlock(page, person) {
  await act(page, "POST", "/session/unlock", { password: person.password });
}

/** act is the JSON API with the cookie of a page's browser. */
export async function act(page, method, path, body) {
  const origin = page.origin;
  const answer = await page.request.fetch(`${origin}/-/api/v1${path}`, { method, data: body, headers: { Origin: origin } });
  const text = await answer.text();
  if (!answer.ok()) throw new Error(`${method} ${path} answered ${answer.status()}: ${text}`);
  return text === "" ? null : JSON.parse(text);
}
