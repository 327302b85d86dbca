// What people do on pages, by what they read there.

/** signIn goes through the sign-in page. */
export async function signIn(page, person, { next = "", remember = false } = {}) {
  await page.goto(`/ui/login${next === "" ? "" : `?next=${encodeURIComponent(next)}`}`);
  await page.getByLabel("Name", { exact: true }).fill(person.name);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  if (remember) await page.getByLabel(/Keep me signed in/).check();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** unlock enters the current password in the panel of the page that is open. */
export async function unlock(page, person) {
  await page.getByLabel("Your current password").fill(person.password);
  await page.getByRole("button", { name: "Unlock", exact: true }).click();
  await unlockedBar(page).waitFor();
}

/** unlockedBar is what an unlocked page bears at its top. */
export function unlockedBar(page) {
  return page.getByRole("group", { name: "Your profile is unlocked" });
}

/** lockedPanel is what a locked page bears. */
export function lockedPanel(page) {
  return page.getByRole("region", { name: "Locked", exact: true });
}

/** section is the part of a page under a heading. */
export function section(page, name) {
  return page.getByRole("region", { name, exact: true });
}

/** press presses the button of that name in a place. */
export async function press(place, name) {
  await place.getByRole("button", { name, exact: typeof name === "string" }).click();
}

/** follow follows the link of that name in a place. */
export async function follow(place, name) {
  await place.getByRole("link", { name, exact: typeof name === "string" }).click();
}

/** said waits until the page says in its notice that something is done. */
export async function said(page, words) {
  await page.locator("[role=status]").filter({ hasText: words }).first().waitFor();
}

/** secretOf views a secret and reads it. */
export async function secretOf(place) {
  await press(place, "View");
  const text = place.getByRole("textbox").filter({ hasNotText: "•" });
  await text.waitFor();
  return (await text.innerText()).trim();
}

/** complaint is what a form says is wrong with a field, beside it. */
export async function complaint(field) {
  const ids = ((await field.getAttribute("aria-describedby")) ?? "").split(" ").filter((id) => id.endsWith("problem"));
  const texts = ids.map((id) => field.page().locator(`[id="${id}"]`).innerText());
  return (await Promise.all(texts)).join(" ");
}

/** atIssuer signs in at a provider that asks, and agrees; then it is back here. */
export async function atIssuer(page, issuer, account) {
  await page.waitForURL((url) => url.origin === issuer.origin && url.pathname.startsWith("/login/"));
  await page.getByLabel("Account").fill(account);
  await press(page, "Continue");
  await page.waitForURL((url) => url.origin !== issuer.origin || url.pathname.startsWith("/consent/"));
  if (page.url().startsWith(issuer.origin)) await press(page, "Allow");
  await page.waitForURL((url) => url.origin !== issuer.origin);
}
