// Signing in at a real identity provider, in a real Chromium. Told what it needs by `tests/oidc.rs`, as one JSON in argv.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";

const told = JSON.parse(process.argv[2]);
const require = createRequire(join(told.modules, "none.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
// The service's clock is the test's to turn.
const turn = async (seconds) => {
  process.stdout.write(`turn ${seconds}\n`);
  await answers.next();
};

const browser = await chromium.launch({
  executablePath: told.chromium,
  // Chromium's own sandbox needs more than a container gives; every page here is our own.
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const errors = [];
const open = async (options) => {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  context.setDefaultTimeout(20_000);
  context.on("console", (message) => {
    // The statuses that this story asks for.
    const expected = /status of (401|403)/.test(message.text());
    if (message.type() === "error" && !expected && message.location().url.startsWith(told.url)) {
      errors.push(message.text());
    }
  });
  context.on("weberror", (error) => errors.push(String(error.error())));
  return context;
};
const at = (path) => told.url + path;
const shot = (page, name) => page.screenshot({ path: join(told.screenshots, `${name}.png`), fullPage: true });
const accessible = async (page, name) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map((found) => `${found.id}: ${found.nodes[0].html}`), [], name);
};
const link = (page) => page.getByRole("link", { name: "Sign in at Example login" });
const atProvider = async (page, name) => {
  await page.waitForURL(`${told.issuer}/interaction/**`);
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  // Whoever has consented in this browser is not asked again.
  const consent = page.locator("button[type=submit]", { hasText: "Continue" });
  await consent.or(page.locator("a.brand")).first().waitFor();
  if (page.url().startsWith(told.issuer)) await consent.click();
};
const signIn = async (page, name, path) => {
  await page.goto(at(path));
  await link(page).click();
  await atProvider(page, name);
};

// The link of a refusal leads to the call, by way of the provider.
const desk = await open();
const page = await desk.newPage();
await page.goto(at(`/approvals/${told.approve}`));
await link(page).waitFor();
await shot(page, "oidc-1-sign-in");
await accessible(page, "sign-in");
await link(page).click();
await atProvider(page, "bob@demo");
await page.waitForURL(at(`/approvals/${told.approve}`));
await page.getByText("Bob Example").waitFor();
await shot(page, "oidc-2-call");
await accessible(page, "call");
await page.getByLabel("Comment").fill("compared the commits");
await page.getByRole("button", { name: "Approve" }).click();
await page.locator(".state.approved").first().waitFor();
assert.deepEqual((await desk.cookies()).filter((cookie) => cookie.name.startsWith("actgate-login")), []);

// Two tabs of one browser sign in at once, and a decision of one is seen in the other.
const both = await open();
const [left, right] = [await both.newPage(), await both.newPage()];
await Promise.all([left.goto(at(`/approvals/${told.two}`)), right.goto(at("/history"))]);
await link(left).click();
await left.waitForURL(`${told.issuer}/interaction/**`);
await link(right).click();
await atProvider(right, "carol@demo");
await right.waitForURL(at("/history"));
await atProvider(left, "carol@demo");
await left.waitForURL(at(`/approvals/${told.two}`));
await left.getByText("You cannot decide this").waitFor();

// By keyboard alone, from the sign-in to the no.
const keys = await (await open()).newPage();
await keys.goto(at(`/approvals/${told.deny}`));
const tabTo = async (wanted) => {
  for (let presses = 0; presses < 40; presses += 1) {
    await keys.keyboard.press("Tab");
    const focused = await keys.evaluate(() => document.activeElement.name || document.activeElement.textContent.trim());
    if (focused === wanted) return;
  }
  assert.fail(`no way to ${wanted} by keyboard`);
};
await tabTo("Sign in at Example login");
await keys.keyboard.press("Enter");
await keys.waitForURL(`${told.issuer}/interaction/**`);
await keys.locator("input[name=login]").focus();
await keys.keyboard.type("bob@demo");
await keys.keyboard.press("Tab");
await keys.keyboard.type("any");
await keys.keyboard.press("Enter");
await keys.getByText("Authorize").first().waitFor();
await keys.locator("button[type=submit]").focus();
await keys.keyboard.press("Enter");
await keys.waitForURL(at(`/approvals/${told.deny}`));
await tabTo("Deny");
await keys.keyboard.press("Enter");
await keys.locator(".state.denied").first().waitFor();

// Nobody decides their own call, whoever vouches for them.
const alice = await (await open()).newPage();
await signIn(alice, "alice@demo", `/approvals/${told.two}`);
await alice.getByText("nobody approves their own").waitFor();
assert.equal(await alice.getByRole("button", { name: "Approve" }).count(), 0);
await shot(alice, "oidc-3-own-call");

// Somebody whom no agent could act for is nobody here.
const strange = await open();
const stranger = await strange.newPage();
await signIn(stranger, "contractor", "/");
await stranger.getByText("you cannot approve").waitFor();
await shot(stranger, "oidc-4-unmapped");
await accessible(stranger, "unmapped");
await stranger.goto(at("/"));
await link(stranger).waitFor();

// A code is worth nothing in another browser, nor with another attempt of the same one.
const [victim, thief] = [await open(), await open()];
const owner = await victim.newPage();
await owner.goto(at("/"));
await link(owner).click();
await owner.waitForURL(`${told.issuer}/interaction/**`);
// Without what binds the answer to it, not even the browser that began can use the code: it is unspent.
await victim.clearCookies({ name: /^actgate-login/ });
await atProvider(owner, "bob@demo");
await owner.getByText("it was not begun in this browser").waitFor();
const stolen = owner.url();
const other = await thief.newPage();
await other.goto(stolen);
await other.getByText("it was not begun in this browser").waitFor();
await shot(other, "oidc-5-stolen-code");
await other.goto(at("/login"));
const [begun] = await Promise.all([
  other.waitForRequest((request) => request.url().startsWith(`${told.issuer}/auth?`)),
  link(other).click(),
]);
const swapped = new URL(stolen);
swapped.searchParams.set("state", new URL(begun.url()).searchParams.get("state"));
await other.goto(swapped.href);
await other.getByText("the provider does not take the code").waitFor();
await other.goto(at("/"));
await link(other).waitFor();

// Signed out here, and there.
await page.getByRole("button", { name: "Sign out" }).click();
await page.getByText("You are signed out here").waitFor();
await shot(page, "oidc-6-signed-out");
await accessible(page, "signed out");
await page.goto(at("/"));
await link(page).waitFor();
await page.goBack();
await page.getByRole("link", { name: "sign out there too" }).click();
await page.waitForURL(`${told.issuer}/session/end**`);

// A session that is over leads to the sign-in, and nothing is decided. Last, since it ends everybody's.
const late = await (await open()).newPage();
await signIn(late, "bob@demo", `/approvals/${told.late}`);
await late.getByRole("button", { name: "Approve" }).waitFor();
// Where somebody writes, the page does not look by itself whether it is still signed in.
await late.locator("#live textarea").first().fill("too late");
await turn(8 * 3600);
await late.getByRole("button", { name: "Approve" }).click();
await link(late).waitFor();
await turn(-8 * 3600);

await browser.close();
assert.deepEqual(errors, []);
process.exit(0);
