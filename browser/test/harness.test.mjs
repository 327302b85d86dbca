// What fails a test, fails it: the watchers are shown one page for each fault.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";

import { Faults, launch, open } from "../harness/browser.mjs";
import { axe, fits } from "../harness/looks.mjs";
import { mailbox } from "../harness/mail.mjs";
import { serve } from "../harness/server.mjs";

const PAGES = {
  "/good": "<p>good",
  "/console": "<script>console.error('oh')</script>",
  "/thrown": "<script>throw new Error('oh')</script>",
  "/dialog": "<script>alert(1)</script>",
  "/outside": "<img src='http://localhost:9/x.png'>",
  "/missing": "<img src='/nothing.png'>",
  "/policy": "<p style='color: red'>",
  "/wide": "<meta name=viewport content='width=device-width'><div style='width: 3000px'>wide</div>",
  "/unreadable": "<html lang=en><title>t</title><main><h1>t</h1><p style='color: #ddd; background: #fff'>pale</p><input></main>",
};

let site, browser;
before(async () => {
  site = await serve((request) => {
    const body = PAGES[request.url];
    if (body === undefined) return { status: 404, body: "<p>none" };
    const policy = request.url === "/policy" ? { "Content-Security-Policy": "default-src 'none'" } : {};
    return { body: `<!doctype html><link rel=icon href=data:,>${body}`, headers: policy };
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

async function faultsOf(t, path, options = {}) {
  const { context, page, faults } = await open(browser, { origin: site.origin, ...options });
  t.after(() => context.close());
  await page.goto(path, { waitUntil: "networkidle" });
  return faults;
}

for (const [path, kind] of [
  ["/console", "console"], ["/thrown", "script"], ["/dialog", "dialog"], ["/outside", "outside"], ["/missing", "status"], ["/policy", "policy"],
]) {
  test(`${path} is noticed`, async (t) => {
    const faults = await faultsOf(t, path);
    assert.throws(() => faults.verify(), new RegExp(`${kind}: `));
    assert.equal(faults.take(kind).length >= 1, true);
  });
}

test("a broken policy is noticed without JavaScript", async (t) => {
  const faults = await faultsOf(t, "/policy", { js: false });
  assert.throws(() => faults.verify(), /policy: /);
});

test("a good page has no faults", async (t) => {
  (await faultsOf(t, "/good")).verify();
});

test("a page that is not there is no fault of itself, for tests that go there", async (t) => {
  (await faultsOf(t, "/nowhere")).verify();
});

test("what is too wide, or cannot be read, is noticed", async (t) => {
  const { context, page } = await open(browser, { origin: site.origin });
  t.after(() => context.close());
  await page.goto("/wide");
  await assert.rejects(fits(page), /3000|wide/);
  await page.goto("/unreadable");
  await assert.rejects(axe(page), /color-contrast[^]*label/);
  await assert.rejects(axe(page, "", { coloursAlone: true }), (failure) => /color-contrast/.test(failure.message) && !/label/.test(failure.message));
});

test("faults that a test takes are its own business", () => {
  const faults = new Faults();
  faults.add("status", "404");
  assert.deepEqual(faults.take("status"), ["404"]);
  faults.verify();
});

test("the mail server keeps a letter", async (t) => {
  const mail = await mailbox();
  t.after(() => mail.stop());
  const client = connect(Number(mail.address.split(":")[1]), "127.0.0.1");
  t.after(() => client.destroy());
  client.write([
    "EHLO here", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "DATA",
    "Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe?=", "Content-Transfer-Encoding: quoted-printable", "", "one=", " line=3D1", "..dot", ".", "QUIT", "",
  ].join("\r\n"));
  const letter = await mail.letterTo("b@example.com");
  assert.deepEqual(letter, { from: "a@example.com", to: ["b@example.com"], subject: "Grüße", text: "one line=1\n.dot" });
});
