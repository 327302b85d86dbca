// How pages look to somebody who sees badly, holds a phone, or pays by the
// kilobyte; and pictures of them for people to look at.

import assert from "node:assert/strict";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { AxeBuilder } from "@axe-core/playwright";

import { SIZES } from "./browser.mjs";

export const MAX_WEIGHT = 60_000; // bytes of a page over the wire, with all that it loads

// Those of axe-core that it runs by itself and that ask about colours.
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

/**
 * axe asserts that axe-core finds nothing on the page as it is; with colours
 * alone, by its rules about colours.
 */
export async function axe(page, what = page.url(), { coloursAlone = false } = {}) {
  // Half a megabyte of script goes in once for each document.
  const axeSource = (await page.evaluate(() => "axe" in window)) ? ";" : undefined;
  const builder = new AxeBuilder({ page, axeSource }).options({ resultTypes: ["violations"] }).setLegacyMode();
  const { violations } = await (coloursAlone ? builder.withRules(COLOUR_RULES) : builder).analyze();
  assert.deepEqual(violations.map(told), [], `axe on ${what}`);
}

function told(v) {
  return `${v.id} (${v.impact}): ${v.help}: ${v.nodes.map((n) => `${n.target.join(" ")} ${n.any.concat(n.all, n.none).map((c) => c.message).join("; ")}`).join(" | ")}`;
}

/** fits asserts that nothing sticks out at the right of the page. */
export async function fits(page, what = page.url()) {
  const { scroll, inner, widest } = await page.evaluate(() => {
    const root = document.scrollingElement;
    let widest = "";
    let edge = window.innerWidth;
    const scrolls = (e) => e !== null && (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    for (const e of document.body.querySelectorAll("*")) {
      if (scrolls(e.parentElement)) continue;
      const right = e.getBoundingClientRect().right;
      if (right > edge + 0.5) {
        edge = right;
        widest = `<${e.localName} class="${e.className}"> ${e.textContent.trim().slice(0, 40)} to ${Math.round(right)}`;
      }
    }
    return { scroll: root.scrollWidth, inner: window.innerWidth, widest };
  });
  assert.ok(scroll <= inner, `${what} is ${scroll} px wide in a window of ${inner} px: ${widest}`);
}

/**
 * looksRight asserts axe and fits at every size, in light and dark. Dark is the
 * same page in other colours, so axe looks at those.
 */
export async function looksRight(page, name) {
  for (const dark of [false, true]) {
    await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
    for (const size of SIZES) {
      await page.setViewportSize(size);
      const what = `${page.url()} at ${size.width} px, ${dark ? "dark" : "light"}`;
      await fits(page, what);
      await axe(page, what, { coloursAlone: dark });
      if (process.env.LATCHKEY_PICTURES) await picture(page, process.env.LATCHKEY_PICTURES, `${name}-${size.width}${dark ? "-dark" : ""}`);
    }
  }
}

let folder; // of screenshots that nobody asked to keep

/**
 * screenshots takes the pictures of a page that docs/screenshots shows: into
 * the folder that LATCHKEY_SCREENSHOTS names, or one that is thrown away.
 */
export async function screenshots(page, name) {
  folder ??= process.env.LATCHKEY_SCREENSHOTS || (await mkdtemp(join(tmpdir(), "latchkey-screenshots-")));
  const [phone, , desk] = SIZES;
  for (const [size, dark] of [[desk, false], [desk, true], [phone, false]]) {
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
    await picture(page, folder, `${name}-${dark ? "dark" : "light"}-${size.width}`);
  }
}

async function picture(page, into, name) {
  await mkdir(into, { recursive: true });
  await page.screenshot({ path: join(into, `${name}.png`), fullPage: true, caret: "hide", animations: "disabled" });
}

/** weigh is how many bytes came over the wire for an address, all included. */
export async function weigh(page, address) {
  const requests = [];
  const note = (request) => requests.push(request);
  page.on("request", note);
  await page.goto(address, { waitUntil: "networkidle" });
  page.off("request", note);
  let total = 0;
  for (const request of requests.filter((r) => r.url().startsWith("http"))) {
    const sizes = await request.sizes();
    total += sizes.responseHeadersSize + sizes.responseBodySize;
  }
  return total;
}

/** isLight asserts that an address weighs no more than MAX_WEIGHT. */
export async function isLight(page, address) {
  const weight = await weigh(page, address);
  assert.ok(weight > 0 && weight <= MAX_WEIGHT, `${address} weighs ${weight} bytes`);
}
