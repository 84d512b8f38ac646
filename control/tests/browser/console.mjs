// What a person does in the console, in a real Chromium. Told what it needs by `tests/browser.rs`, as one JSON in argv.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";

const told = JSON.parse(process.argv[2]);
const require = createRequire(join(told.modules, "none.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

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
    if (message.type() === "error" && !(message.text().includes("409") || message.text().includes("403"))) {
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
const fits = async (page, name) => {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(over, 0, `${name} is wider than the screen`);
};
const signIn = async (page, name) => {
  await page.getByRole("button", { name }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
};
const state = (page) => page.locator("h1 ~ p .state").textContent();

// The link of a refusal leads to the call, by way of the sign-in.
const desk = await open();
const page = await desk.newPage();
await page.goto(at(`/approvals/${told.approve}`));
await shot(page, "1-sign-in");
await accessible(page, "sign-in");
await signIn(page, "Bob");
assert.equal(page.url(), at(`/approvals/${told.approve}`));
await shot(page, "2-call");
await accessible(page, "call");
await page.goto(at("/"));
await shot(page, "3-inbox");
await accessible(page, "inbox");

// Approve, with a comment.
await page.locator(`a[href="/approvals/${told.approve}"]`).click();
await page.getByLabel("Comment").fill("compared the commits");
await page.getByRole("button", { name: "Approve" }).click();
await page.getByText("compared the commits").waitFor();
assert.equal(await state(page), "approved");
await shot(page, "4-approved");
await accessible(page, "approved");

// Deny, by keyboard alone.
await page.goto(at("/"));
const focused = () => page.evaluate(() => document.activeElement.getAttribute("href") ?? document.activeElement.textContent);
const tabTo = async (wanted) => {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await focused()) === wanted) return;
  }
  assert.fail(`no way to ${wanted} by keyboard`);
};
await tabTo(`/approvals/${told.deny}`);
await page.keyboard.press("Enter");
await page.waitForURL(at(`/approvals/${told.deny}`));
await tabTo("Deny");
await shot(page, "5-keyboard");
await page.keyboard.press("Enter");
await page.locator(".state.denied").first().waitFor();

// The inbox shows a new call by itself.
await page.goto(at("/"));
const claimed = await fetch(at("/v1/claims"), {
  method: "POST",
  headers: { authorization: `Bearer ${told.gateway}`, "content-type": "application/json" },
  body: JSON.stringify(told.claim),
});
const { id } = await claimed.json();
await page.locator(`a[href="/approvals/${id}"]`).waitFor();

// Two tabs: what is decided in one is decided in both.
const other = await desk.newPage();
await Promise.all([page.goto(at(`/approvals/${id}`)), other.goto(at(`/approvals/${id}`))]);
await other.getByLabel("Comment").fill("writing");
await page.getByRole("button", { name: "Deny" }).click();
await page.locator(".state.denied").first().waitFor();
await other.getByRole("button", { name: "Approve" }).click();
await other.getByText("The approval is denied already").waitFor();
await shot(other, "6-too-late");
await accessible(other, "too late");

// A session that is over leads to the sign-in, and nothing is decided.
await other.goto(at(`/approvals/${told.phone}`));
await desk.clearCookies();
await other.getByRole("button", { name: "Approve" }).click();
await other.getByRole("heading", { name: "Sign in" }).waitFor();

// A phone, without JavaScript.
const phone = await open({ viewport: { width: 360, height: 740 }, javaScriptEnabled: false, colorScheme: "dark" });
const small = await phone.newPage();
await small.goto(at("/"));
await signIn(small, "Bob");
await shot(small, "7-phone-inbox");
await small.locator(`a[href="/approvals/${told.phone}"]`).click();
await shot(small, "8-phone-call");
await small.getByRole("button", { name: "Approve" }).click();
await small.locator(".state.approved").first().waitFor();
await small.goto(at("/history"));
await shot(small, "9-phone-history");
const scripted = await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
const fit = await scripted.newPage();
await fit.goto(at("/"));
await signIn(fit, "Bob");
for (const path of ["/", `/approvals/${told.phone}`, "/history", "/terminal"]) {
  await fit.goto(at(path));
  await fits(fit, path);
  await accessible(fit, `${path} on a phone, dark`);
}

// The ledger: for its readers, from everything to one agent and one task.
assert.equal(await fit.getByRole("link", { name: "Ledger" }).count(), 0);
const reader = await (await open()).newPage();
await reader.goto(at("/ledger"));
await signIn(reader, "Carol");
assert.equal(reader.url(), at("/ledger"));
await reader.getByText("<b>main</b>").first().waitFor();
assert.equal(await reader.locator(".records > li").count(), 9);
await shot(reader, "10-ledger");
await accessible(reader, "ledger");
await reader.getByLabel("Decision").selectOption("deny");
await reader.getByRole("button", { name: "Search" }).click();
await reader.waitForURL(/decision=deny/);
assert.equal(await reader.locator(".records > li").count(), 3);
await reader.getByLabel("Decision").selectOption("");
await reader.getByLabel("Since (UTC)").fill("2027-01-15T08:00");
await reader.getByLabel("Before (UTC)").fill("2027-01-15T08:01");
await reader.getByLabel("Agent", { exact: true }).fill("demo/spiffe://demo/agent/coder");
await reader.getByLabel("Action", { exact: true }).fill("git.ref.update");
await reader.getByRole("button", { name: "Search" }).click();
await reader.waitForURL(/since=2027/);
assert.equal(await reader.locator(".records > li").count(), 9);
await reader.goto(at("/ledger"));
await reader.getByRole("link", { name: "demo/spiffe://demo/agent/coder" }).first().click();
await reader.getByRole("heading", { name: "Agent" }).waitFor();
const byAction = reader.getByRole("group", { name: "Attempted and executed, by action" }).locator("tbody tr");
assert.match(await byAction.textContent(), /git\.ref\.update\s*9\s*3\s*6/);
// What the bars and the days say in words, and that they are drawn.
const bar = byAction.getByRole("img", { name: "6 of 9 executed" });
const { width } = await bar.locator(".tried").boundingBox();
const { width: done } = await bar.locator(".done").boundingBox();
assert.ok(width > 50 && Math.abs(done / width - 2 / 3) < 0.02, `${done} of ${width}`);
await reader.getByRole("img", { name: /^Attempted and executed on each day from 2027-01-09/ }).waitFor();
// Everything that was found, as files.
for (const [name, lines] of [["JSONL", 9], ["CSV", 10], ["CloudEvents", 24], ["OCSF", 24], ["OTLP", 2]]) {
  const [download] = await Promise.all([reader.waitForEvent("download"), reader.getByRole("link", { name, exact: true }).click()]);
  const text = readFileSync(await download.path(), "utf8");
  assert.equal(text.trim().split("\n").length, lines, `${name}: ${download.suggestedFilename()}`);
}
await shot(reader, "11-agent");
await accessible(reader, "agent");
await reader.getByRole("link", { name: "release 7 & more" }).first().click();
await reader.getByRole("heading", { name: "Task" }).waitFor();
const times = await reader.locator(".timeline time").allTextContents();
assert.equal(times.length, 9);
assert.deepEqual((await reader.locator(".moment").allTextContents()).slice(0, 2), ["+0.0 s", "+1.0 s"]);
assert.deepEqual(times, [...times].sort());
await shot(reader, "12-task");
await accessible(reader, "task");
await reader.setViewportSize({ width: 360, height: 740 });
await fits(reader, "task");
const night = await (await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark" })).newPage();
await night.goto(at("/ledger"));
await signIn(night, "Carol");
for (const [name, path] of [["13-ledger-phone", "/ledger"], ["14-agent-phone", "/ledger?agent=demo/spiffe://demo/agent/coder"], ["15-task-phone", "/ledger?task=release%207%20%26%20more"]]) {
  await night.goto(at(path));
  await shot(night, name);
  await fits(night, name);
  await accessible(night, name);
}

await browser.close();
assert.deepEqual(errors, []);
