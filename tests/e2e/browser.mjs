// Debian's chromium, and a page in it that notes everything it should not do.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const ARTIFACTS = process.env.E2E_ARTIFACTS ?? fileURLToPath(new URL("../../artifacts/e2e", import.meta.url));

export const whatIsMissing = () => (existsSync(CHROMIUM) ? null : `There is no browser at ${CHROMIUM}: 'apt-get install chromium' brings it.`);

export async function launch() {
  await mkdir(ARTIFACTS, { recursive: true });
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/**
 * Opens the page in a browser state of its own. At the end nothing may have gone wrong in it that was not expected, and nothing
 * but its own server may have been asked.
 */
export async function withPage(browser, checks, url, { expectedErrors = [], ...options }, body) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", ...options });
  try {
    const page = await context.newPage();
    const errors = [], strangers = [];
    page.on("console", m => ["error", "warning"].includes(m.type()) && errors.push(m.text()));
    page.on("pageerror", e => errors.push(String(e.stack ?? e)));
    page.on("dialog", d => { errors.push(`dialog: ${d.message()}`); d.dismiss(); });
    context.on("request", r => !r.url().startsWith(url) && !r.url().startsWith("blob:") && strangers.push(r.url()));
    page.setDefaultTimeout(15_000);
    await page.goto(url);
    await page.waitForSelector("body.empty #prompt, #thread article");
    await body(new Page(page), context);
    checks.equal("no errors in the browser", errors.filter(e => !expectedErrors.some(expected => e.includes(expected))), []);
    checks.equal("no requests to other hosts", strangers, []);
  } finally {
    await context.close();
  }
}

/** What the tests do with the page again and again. */
export class Page {
  constructor(page) {
    this.page = page;
  }

  async ask(text) {
    await this.page.fill("#prompt", text);
    await this.page.press("#prompt", "Enter");
  }

  /** Waits for the end of the answer. */
  async answered(timeout = 30_000) {
    await this.page.waitForSelector("#stop", { state: "hidden", timeout });
    await this.page.waitForFunction(() => document.getElementById("thread").getAttribute("aria-busy") === "false");
  }

  texts(selector) {
    return this.page.$$eval(selector, elements => elements.map(e => e.textContent));
  }

  async text(selector) {
    return (await this.page.$eval(selector, e => e.textContent)).trim();
  }

  /** The text of the last answer, thoughts left out. */
  lastAnswer() {
    return this.page.$$eval(".message.assistant .body > .prose", all => all.at(-1)?.textContent ?? "");
  }

  async set(name, value) {
    await this.openSettings();
    await this.page.fill(`#set-${name}`, String(value));
  }

  async openSettings() {
    if (await this.page.isHidden("#settings")) await this.page.click("#open-settings");
  }

  async closeSettings() {
    if (await this.page.isVisible("#settings")) await this.page.click("#close-settings");
  }

  shot(name) {
    return this.page.screenshot({ path: join(ARTIFACTS, `${name}.png`) });
  }
}
