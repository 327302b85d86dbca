// What people do on pages, by what they read there.

/** signIn goes through the sign-in page. */
export async function signIn(page, person, { next = "", remember = false } = {}) {
  await page.goto(`/ui/login${next === "" ? "" : `?next=${encodeURIComponent(next)}`}`);
  await page.getByLabel("Name", { exact: true }).fill(person.name);
  await page.getByLabel("Password", { exact: true }).fill(person.password);
  if (remember) await page.getByLabel(/Keep me signed in/).check();
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}
